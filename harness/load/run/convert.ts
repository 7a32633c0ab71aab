/** A short-lived process that turns a column file into Parquet: `convert.ts <source> <target>`. */
import { toParquet } from "../columns/parquet.ts";

const [source = "", target = ""] = process.argv.slice(2);
toParquet(source, target);
