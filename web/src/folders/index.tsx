// #/ is the list of folders, #/folders/ID one of them.
import type { ViewProps } from "../app.tsx";
import { route } from "../route.ts";
import { FolderList } from "./list.tsx";
import { OneFolder } from "./one.tsx";

export default function Folders({ args }: ViewProps) {
  const [id = "", part = ""] = args;
  return route.value.path[0] === "folders" && id !== "" ? <OneFolder key={id} id={id} part={part} /> : <FolderList />;
}
