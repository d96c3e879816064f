export const t = (k: string): string => k;
