// The frame of the administration; users, projects and products.
export const people = {
  sections: {
    overview: "Overview",
    users: "Users",
    projects: "Projects",
    products: "Products",
    folders: "Folders",
    locks: "Locks",
    mounts: "Mounts",
    audit: "Audit",
    check: "Check",
  },
  refused: {
    title: "This is for administrators",
    why: "You are signed in without the rights of an administrator. Ask one of them if you need something from here.",
    toOverview: "To the overview of the administration",
  },
} as const;
