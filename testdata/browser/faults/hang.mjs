// Never ends.
import "../harness.mjs";

setInterval(() => {}, 1000);
await new Promise(() => {});
