"""The records that ship with the package: one folder each; read them with `records.recorded`."""
