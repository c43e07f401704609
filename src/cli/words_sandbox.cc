#include "cli/command_tree.h"

namespace mayfly::cli {

void CommandTree::sandboxes() {
  auto& l = line_;
  auto* create_command =
      add(&app_, "create", "make a sandbox and start it", [&l](Session& s) { return create(s, l.create); });
  create_command->add_option("--image", l.create.image, "busybox without one");
  add_create(create_command, l.create);
  add_env(create_command, l.create.env);
  create_command->add_flag("--no-wait", l.create.no_wait, "do not wait until it runs");

  auto* ls = add(&app_, "ls", "list sandboxes", [&l](Session& s) { return list_sandboxes(s, l.list); });
  add_states(ls, l.list.states, "only those in that state, may be repeated");
  add_labels(ls, l.list.labels, "only those that carry it, may be repeated");
  ls->add_option("--image", l.list.image, "only those of that image");
  add_pages(ls, l.list.all);

  needs(add(&app_, "get", "show one sandbox", [&l](Session& s) { return get_sandbox(s, l.subject); }), "SANDBOX");

  auto* keep = add(&app_, "keepalive", "let it live for longer",
                   [&l](Session& s) { return keepalive(s, l.subject, l.second, l.third); });
  needs(keep, "SANDBOX");
  keep->add_option("D", l.second, "how much longer");
  keep->add_option("--until", l.third, "until when at least")->type_name("TIME");

  auto* expiry = add(&app_, "expiry", "replace its deadlines; \"never\" takes one away, what is not given stays",
                     [&l](Session& s) { return set_expiry(s, l.subject, l.lifetime); });
  needs(expiry, "SANDBOX");
  add_lifetime(expiry, l.lifetime);

  for (const auto& [verb, what] : {std::pair("pause", "freeze it"), std::pair("resume", "let a paused one go on"),
                                   std::pair("stop", "end its processes, keep its files"),
                                   std::pair("start", "start a stopped one again")})
    needs(add(&app_, verb, what, [&l, verb = verb](Session& s) { return move(s, l.subject, verb); }), "SANDBOX");

  auto* rm =
      add(&app_, "rm", "archive and delete sandboxes", [&l](Session& s) { return remove_sandboxes(s, l.remove); });
  rm->add_option("SANDBOX", l.remove.sandboxes)->required();
  add_removal(rm, l.remove);
}

void CommandTree::processes() {
  auto& l = line_;
  auto* exec_command = add(&app_, "exec", "run a command in a sandbox: exec SANDBOX [options] -- COMMAND...",
                           [&l](Session& s) { return exec(s, l.exec); });
  exec_command->add_option("SANDBOX", l.exec.sandbox)->required();
  add_env(exec_command, l.exec.env);
  exec_command->add_option("--name", l.exec.name, "a label, unique among those that run");
  exec_command->add_flag("--no-wait", l.exec.no_wait, "start it and print its process id");
  add_exec(exec_command, l.exec);

  auto* run_command =
      add(&app_, "run", "run a command in a new sandbox, then delete that: run IMAGE [options] -- COMMAND...",
          [&l](Session& s) { return run(s, l.run); });
  run_command->add_option("IMAGE", l.run.create.image)->required();
  add_create(run_command, l.run.create);
  add_env(run_command, l.run.create.env);
  run_command->add_flag("--keep", l.run.keep, "do not delete it");
  add_exec(run_command, l.run.exec);

  needs(add(&app_, "ps", "list the processes of a sandbox", [&l](Session& s) { return list_processes(s, l.subject); }),
        "SANDBOX");

  auto* logs_command = add(&app_, "logs", "print what a process wrote", [&l](Session& s) { return logs(s, l.log); });
  logs_command->add_option("SANDBOX", l.log.sandbox)->required();
  logs_command->add_option("PROCESS", l.log.process)->required();
  logs_command->add_flag("--stderr", l.log.from_stderr, "its stderr alone, on stdout");
  logs_command->add_flag("-f,--follow", l.log.follow, "both, each where it belongs, until it ends");

  auto* kill_command = add(&app_, "kill", "signal a process and its group",
                           [&l](Session& s) { return kill(s, l.subject, l.second, l.third); });
  needs(kill_command, "SANDBOX");
  kill_command->add_option("PROCESS", l.second)->required();
  kill_command->add_option("--signal", l.third, "KILL (without it), TERM, INT, HUP, QUIT, USR1, USR2, STOP or CONT");

  auto* forward = add(&app_, "port-forward", "a local port that leads to one in a sandbox, until it is interrupted",
                      [&l](Session& s) { return port_forward(s, l.subject, l.second); });
  needs(forward, "SANDBOX");
  forward->add_option("PORT", l.second, "or LOCAL:PORT; LOCAL is on 127.0.0.1, and 0 any free one")
      ->required();

  auto* cp = add(&app_, "cp",
                 "copy files and folders: cp LOCAL SANDBOX:/path, or cp SANDBOX:/path LOCAL; - is stdin or stdout",
                 [&l](Session& s) { return copy(s, l.subject, l.second); });
  cp->add_option("FROM", l.subject)->required();
  cp->add_option("TO", l.second)->required();
}

}  // namespace mayfly::cli
