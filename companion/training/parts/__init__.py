"""The parts of an arm's settings: network, companding, start, optimization, hold, data.

Each is a frozen dataclass that declares its fields and checks them; `Settings` is all of them.
"""
