// Bundles src/ into ../vendor/explorable, with the licences of what went into the bundle.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const target = "../vendor/explorable";
// A test compares the bundle's first line with the sources, so that neither is changed alone.
const sources = ["build.js", "package-lock.json", ...readdirSync("src").sort().map((name) => `src/${name}`)];
const digest = createHash("sha256");
for (const name of sources) digest.update(readFileSync(name));
const { metafile } = await build({
  entryPoints: ["src/explorable.js", "src/explorable.css"],
  bundle: true,
  minify: true,
  format: "iife", // a classic script: modules do not load from file://
  target: "es2020",
  outdir: target,
  banner: { js: `/* sources ${digest.digest("hex")} */` },
  metafile: true,
  logLevel: "info",
});

const bundled = Object.values(metafile.outputs).flatMap(({ inputs }) =>
  Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput).map(([path]) => path));
const packages = new Set(bundled.flatMap((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []));
const licences = [...packages].sort().map((name) => {
  const folder = `node_modules/${name}`;
  const { version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = ["LICENSE", "LICENSE.md", "LICENSE.txt"].find((each) => existsSync(`${folder}/${each}`));
  if (!file) throw new Error(`${name} has no licence file; the bundle must carry one`);
  return `${name} ${version}\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
});
writeFileSync(`${target}/LICENSES.txt`, licences.join(`\n${"-".repeat(79)}\n\n`));
