export const mount = {} as const;
