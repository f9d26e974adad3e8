// Creates the role and the user of playarr-metrics. The user reads Playarr's collections, and writes its own settings,
// its line in job_history and, in a database without users, the first admin (remove "insert" on users from the role if
// Playarr creates it). Safe to run again: the role is brought up to date and the password is set again.
//
//   mongosh mongodb://admin@host:27017/?authSource=admin packaging/mongodb/create-user.js
//
// The role is in ROLE_FILE (role.json beside this file), the password in PASSWORD_FILE, or asked for.

const fs = require("fs");
const path = require("path");

const roleFile = process.env.ROLE_FILE || path.join(__dirname, "role.json");
const { createRole: name, ...role } = JSON.parse(fs.readFileSync(roleFile, "utf8"));
const password = process.env.PASSWORD_FILE
  ? fs.readFileSync(process.env.PASSWORD_FILE, "utf8").trim()
  : passwordPrompt();

const playarr = db.getSiblingDB("playarr");
const roles = [{ role: name, db: "playarr" }];
if (playarr.getRole(name)) {
  playarr.updateRole(name, role);
} else {
  playarr.createRole({ role: name, ...role });
}
if (playarr.getUser("playarr-metrics")) {
  playarr.updateUser("playarr-metrics", { pwd: password, roles });
} else {
  playarr.createUser({ user: "playarr-metrics", pwd: password, roles });
}
print("playarr-metrics may sign in: mongodb://playarr-metrics:PASSWORD@host:27017/?authSource=playarr");
