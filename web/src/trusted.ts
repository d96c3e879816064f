// Trusted Types: the page's policy lets no text become a script's address but through here. A name of a policy can be
// taken once, so this is the one place.
type Policy = { createScriptURL: (url: string) => string };
declare global {
  interface Window {
    trustedTypes?: { createPolicy: (name: string, rules: Policy) => Policy };
  }
}

const rules: Policy = {
  createScriptURL(url) {
    if (!/^\/assets\/[\w-]+\.js$/.test(url)) {
      throw new TypeError(`${url} is no script of the page`);
    }
    return url;
  },
};
const policy = window.trustedTypes?.createPolicy("davit", rules) ?? rules; // browsers without Trusted Types take the text

/** A worker that runs a script of the page's assets. */
export const startWorker = (url: string): Worker => new Worker(policy.createScriptURL(url), { type: "module" });
