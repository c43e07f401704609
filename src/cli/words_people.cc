#include "cli/command_tree.h"

namespace mayfly::cli {

void CommandTree::people() {
  auto& l = line_;
  auto& p = line_.people;
  auto* user = group("user", "who may use this server; for admins");
  auto* ls = add(user, "ls", "list users", [&p](Session& s) { return list_users(s, p); });
  add_pages(ls, p.all);
  auto* create = add(user, "create", "add a user", [&p](Session& s) { return create_user(s, p); });
  create->add_option("NAME", p.name)->required();
  create->add_option("--role", p.role, "reader, member (without it) or admin");
  auto* set = add(user, "set", "change a user", [&l](Session& s) { return set_user(s, l.subject, l.people); });
  needs(set, "USER");
  set->add_option("--name", p.name, "call them so from now on");
  set->add_option("--role", p.role, "reader, member or admin");
  set->add_option("--active", p.active, "no shuts them out, yes lets them in again")
      ->check(CLI::IsMember({"yes", "no"}));
  needs(add(user, "rm", "shut a user out and revoke all their keys",
            [&l](Session& s) { return remove_user(s, l.subject); }),
        "USER");
}

void CommandTree::keys() {
  auto& l = line_;
  auto& p = line_.people;
  auto* key = group("key", "what calls are made with");
  auto* ls = add(key, "ls", "list your keys; for an admin all", [&p](Session& s) { return list_keys(s, p); });
  ls->add_option("--user", p.user, "only of that user");
  add_pages(ls, p.all);
  auto* create = add(key, "create", "make a key; its secret goes to stdout, this once",
                     [&p](Session& s) { return create_key(s, p); });
  create->add_option("NAME", p.name, "what it is for")->required();
  create->add_option("--user", p.user, "whose; yours without it");
  create->add_option("--role", p.role, "at most reader, member or admin; as its user without it");
  create->add_option("--workspace", p.workspace, "where its calls act unless they say otherwise");
  create->add_option("--only", p.workspaces, "a workspace it is limited to, may be repeated")
      ->expected(1)
      ->take_all()
      ->type_name("WORKSPACE");
  create->add_option("--scope", p.scopes, "read, sandboxes or admin, may be repeated; all without it")
      ->expected(1)
      ->take_all();
  create->add_option("--ttl", p.ttl, "it expires after this long")->type_name("D");
  create->add_option("--expires-at", p.expires_at, "it expires at that time")->type_name("TIME");
  const auto rate = [&p](CLI::App* app) {
    return app->add_option("--rate", p.rate, "calls a second, or CALLS/BURST; none: as all others")->type_name("N[/B]");
  };
  rate(create);
  auto* change = add(key, "set", "change how often a key may call",
                     [&l](Session& s) { return set_key(s, l.subject, l.people); });
  needs(change, "KEY");
  rate(change)->required();
  needs(add(key, "rm", "revoke a key", [&l](Session& s) { return revoke_key(s, l.subject); }), "KEY");
}

void CommandTree::workspaces() {
  auto& l = line_;
  auto& p = line_.people;
  auto* workspace = group("workspace", "walls between people");
  auto* ls = add(workspace, "ls", "list workspaces", [&p](Session& s) { return list_workspaces(s, p); });
  add_pages(ls, p.all);
  const auto always = [&p](CLI::App* app) {
    app->add_option("--always-archive", p.always_archive, "yes: a delete without an archive makes one all the same")
        ->check(CLI::IsMember({"yes", "no"}));
  };
  auto* create = add(workspace, "create", "make a workspace", [&p](Session& s) { return create_workspace(s, p); });
  create->add_option("SLUG", p.slug, "lower-case letters, digits and hyphens")->required();
  always(create);
  auto* set = add(workspace, "set", "change a workspace",
                  [&l](Session& s) { return set_workspace(s, l.subject, l.people); });
  needs(set, "WORKSPACE");
  set->add_option("--slug", p.slug, "call it so from now on");
  always(set);
  set->add_option("--quota", p.quota, "sandboxes, cpus, memory_mb, disk_mb or archive_bytes=NUMBER or none; repeatable")
      ->expected(1)
      ->take_all()
      ->type_name("NAME=N");
  needs(add(workspace, "get", "show a workspace, its quota and what it uses",
            [&l](Session& s) { return get_workspace(s, l.subject); }),
        "WORKSPACE");
  auto* members =
      add(workspace, "members", "list its members", [&l](Session& s) { return list_members(s, l.subject, l.people); });
  needs(members, "WORKSPACE");
  add_pages(members, p.all);
  auto* put = add(workspace, "add", "make a user a member, or change their role there",
                  [&l](Session& s) { return put_member(s, l.subject, l.second, l.people.role); });
  needs(put, "WORKSPACE");
  put->add_option("USER", l.second)->required();
  put->add_option("--role", p.role, "reader, member (without it) or admin; never more than the user's own");
  auto* remove = add(workspace, "remove", "end a membership",
                     [&l](Session& s) { return remove_member(s, l.subject, l.second); });
  needs(remove, "WORKSPACE");
  remove->add_option("USER", l.second)->required();
}

}  // namespace mayfly::cli
