export const en = { open: "Open what is here" };
