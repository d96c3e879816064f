// Where the page begins.
import { render } from "preact";
import { App } from "./app.tsx";
import { start } from "./session.ts";
import { applyTheme } from "./theme.ts";

applyTheme();
render(<App />, document.getElementById("app")!);
void start();
