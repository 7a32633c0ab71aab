/** Names that the emitted code of a script finds as its parameters. */
export const PARAMETERS = ["$import", "$export", "$vu", "__ENV", "console"] as const;
