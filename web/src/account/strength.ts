// How hard a password is to guess, roughly: what it is made of, how long it is, and what repeats in it. It is a
// hint for people, and refuses nothing.

/** From 0 (guessed at once) to 4. */
export function strength(password: string, name: string): 0 | 1 | 2 | 3 | 4 {
  const text = password.normalize("NFC");
  if (text === "") {
    return 0;
  }
  let letters = 0;
  for (const [pattern, size] of [[/[a-z]/, 26], [/[A-Z]/, 26], [/[0-9]/, 10], [/[ -/:-@[-`{-~]/, 33], [/[^\u0020-\u007e]/, 100]] as const) {
    if (pattern.test(text)) {
      letters += size;
    }
  }
  let bits = 0;
  let before = 0;
  for (const c of text) {
    const code = c.codePointAt(0)!;
    // A letter that repeats the one before, or follows it in the alphabet, adds next to nothing.
    bits += Math.abs(code - before) <= 1 ? 0.5 : Math.log2(letters);
    before = code;
  }
  const plain = text.toLowerCase();
  if (name !== "" && plain.includes(name.toLowerCase())) {
    bits -= name.length * Math.log2(letters);
  }
  if (/passwor[dt]|qwert[yz]|asdf|12345|letmein|welcome|admin/.test(plain)) {
    bits -= 25;
  }
  if (text.length < 8) {
    return bits < 30 ? 0 : 1;
  }
  return bits < 35 ? 0 : bits < 50 ? 1 : bits < 65 ? 2 : bits < 85 ? 3 : 4;
}
