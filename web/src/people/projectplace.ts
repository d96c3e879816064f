// Where the projects are shown: among the administration, or among one's own places.
import { createContext } from "preact";

export const Base = createContext<readonly string[]>(["projects"]);
