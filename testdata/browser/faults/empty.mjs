// Has no scenario.
import "../harness.mjs";
