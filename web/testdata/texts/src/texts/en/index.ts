export const en = {
  common: { open: "Open what is here", shut: "Nobody says this" },
  a: { b: "Said", c: { other: "Not said" } },
  x: "Said",
  folders: { x: "Said", delete: "Said" },
  list: { one: "Said with what is put together", two: { three: "Not by that" } },
  whole: { all: "Read as a whole" },
};
