// Icons, drawn in strokes on a 24 × 24 grid. They say nothing to screen readers: what they stand on has a name.
const paths = {
  add: "M12 5v14M5 12h14",
  archive: "M5 4h14v16H5zM12 4v2M12 8v1.5M12 11.5V13M10.5 15h3v2.5h-3z",
  back: "M15 5l-7 7 7 7",
  check: "M5 12.5l4.5 4.5L19 7.5",
  chevron: "M9 6l6 6-6 6",
  close: "M6 6l12 12M18 6L6 18",
  code: "M8 8l-4 4 4 4M16 8l4 4-4 4M13.5 6l-3 12",
  copy: "M9 9h10v11H9zM5 15V4h10",
  cut: "M5 7.5a2.5 2.5 0 1 0 5 0 2.5 2.5 0 0 0-5 0zM5 16.5a2.5 2.5 0 1 0 5 0 2.5 2.5 0 0 0-5 0zM9.5 9l9.5 8M9.5 15L19 7",
  dots: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  down: "M6 9l6 6 6-6",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  error: "M12 8v5M12 16.5v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z",
  eyeOff: "M4 4l16 16M9.9 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-3 3.7M6.3 7.2A15.5 15.5 0 0 0 2.5 12s3.5 6.5 9.5 6.5a9 9 0 0 0 4-1M10 10a2.8 2.8 0 0 0 4 4",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  filter: "M4 6h16M7 12h10M10 18h4",
  folder: "M4 7a2 2 0 0 1 2-2h4l2 2h6a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2z",
  folderAdd: "M4 7a2 2 0 0 1 2-2h4l2 2h6a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM12 10.5v5M9.5 13h5",
  gauge: "M4 18a8.5 8.5 0 1 1 16 0M12 15l4-5",
  history: "M4 12a8 8 0 1 0 3-6.2L4 8M4 4v4h4M12 8v4l3 2",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9v.01",
  info: "M12 11v5M12 7.5v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  key: "M8 8.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 12.5h9v3.5M17 12.5V15",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.7l-1.2 1.2M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.7l1.2-1.2",
  list: "M9 6h11M9 12h11M9 18h11M4.5 6v.01M4.5 12v.01M4.5 18v.01",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  mail: "M4 6h16v12H4zM4 7l8 6 8-6",
  menu: "M4 7h16M4 12h16M4 17h16",
  moon: "M19 14.5A7.5 7.5 0 0 1 9.5 5 7.5 7.5 0 1 0 19 14.5z",
  mount: "M4 14h16v5H4zM4 14l2.5-9h11L20 14M16.5 16.5v.01",
  move: "M4 12h15M14 7l5 5-5 5",
  music: "M9 18V6l10-2v12M9 18a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0zM19 16a2.5 2.5 0 1 1-5 0 2.5 2.5 0 0 1 5 0z",
  pause: "M9 5v14M15 5v14",
  play: "M7 5l12 7-12 7z",
  refresh: "M19 12a7 7 0 1 1-2-4.9L19 9M19 5v4h-4",
  restore: "M4 12a8 8 0 1 0 3-6.2L4 8M4 4v4h4",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20",
  server: "M4 5h16v6H4zM4 13h16v6H4zM7.5 8v.01M7.5 16v.01",
  settings: "M4 8h10M18 8h2M4 16h2M10 16h10M16 6v4M8 14v4",
  share: "M16 8a3 3 0 1 0-2.8-2M8 14.5a3 3 0 1 1 0-5M16 21a3 3 0 1 0-2.8-4M8 13.3l5.3 3M13.3 7.4L8 10.7",
  signout: "M10 4H5v16h5M10 12h10M16 8l4 4-4 4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  tag: "M4 4h7l9 9-7 7-9-9zM8 8v.01",
  text: "M7 3h7l4 4v14H7zM14 3v4h4M10 11h5M10 14h5M10 17h3",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  up: "M12 20V5M6 11l6-6 6 6",
  upload: "M12 16V5M7 9l5-5 5 5M5 20h14",
  user: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20a7.5 7.5 0 0 1 15 0",
  users: "M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM2.5 19.5a6.5 6.5 0 0 1 13 0M15.5 5.3a3.5 3.5 0 0 1 0 6.4M18 14.2a6.5 6.5 0 0 1 3.5 5.3",
  video: "M4 6h11v12H4zM15 11l5-3v8l-5-3z",
  zoomIn: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20M10.5 7.5v6M7.5 10.5h6",
  zoomOut: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20M7.5 10.5h6",
  warning: "M12 4L2.8 20h18.4zM12 10v4.5M12 17.2v.01",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={name === "dots" ? "icon dots" : "icon"} viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
