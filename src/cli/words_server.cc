#include "cli/cleanup_control.h"
#include "cli/command_tree.h"
#include "cli/exit_code.h"

namespace mayfly::cli {

void CommandTree::cleanups() {
  auto& l = line_;
  auto* cleanup = group("cleanup", "how deletes are going");
  auto* ls = add(cleanup, "ls", "list cleanup tasks", [&l](Session& s) { return list_cleanups(s, l.list); });
  ls->add_option("--status", l.list.status, "pending, in_progress, completed or failed");
  ls->add_option("--resource", l.list.resource, "only of that sandbox or archive")->type_name("ID");
  ls->add_flag("--steps", l.list.steps, "the steps too, not only the roots");
  add_pages(ls, l.list.all);
  needs(add(cleanup, "get", "show one task", [&l](Session& s) { return get_cleanup(s, l.subject); }), "TASK");
  needs(add(cleanup, "tree", "draw a task and its steps", [&l](Session& s) { return cleanup_tree(s, l.subject); }),
        "TASK");
  needs(add(cleanup, "retry", "try a failed or waiting task again now",
            [&l](Session& s) { return retry_cleanup(s, l.subject); }),
        "TASK");

  needs(add(cleanup, "cancel", "begin nothing more of a delete; a retry goes on",
            [&l](Session& s) { return cancel_cleanup(s, l.subject); }),
        "TASK");
  auto* skip = add(cleanup, "skip", "count a step as done that cannot be done, and go on",
                   [&l](Session& s) { return skip_cleanup(s, l.subject, l.second); });
  needs(skip, "TASK");
  skip->add_option("--reason", l.second, "why; doctor shows it until somebody has seen to it")->required();
  needs(add(cleanup, "attempts", "the last attempts of one task",
            [&l](Session& s) { return cleanup_attempts(s, l.subject); }),
        "TASK");
  needs(add(cleanup, "progress", "how far a tree is, and what keeps it",
            [&l](Session& s) { return cleanup_progress(s, l.subject); }),
        "TASK");
  auto* pause = add(cleanup, "pause", "begin no more steps: of all deletes, or of a workspace or kind",
                    [&l](Session& s) { return pause_cleanup(s, l.list.resource, l.list.type, l.second); });
  auto* resume = add(cleanup, "resume", "go on with what was paused",
                     [&l](Session& s) { return resume_cleanup(s, l.list.resource, l.list.type); });
  pause->add_option("--reason", l.second, "why, for whoever wonders")->required();
  for (auto* each : {pause, resume}) {
    each->add_option("--of-workspace", l.list.resource, "only of that workspace")->type_name("ID");
    each->add_option("--kind", l.list.type, "only of that kind: sandbox, volume, archive, image");
  }
  add(cleanup, "pauses", "what holds deletes up", [](Session& s) { return list_pauses(s); });

  auto* stale = add(cleanup, "stale", "what nobody has used for long: a dry run unless --apply",
                    [&l](Session& s) { return sweep_stale(s, l.stale); });
  stale->add_option("--inactive", l.stale.inactive, "unused for at least this long")->required()->type_name("D");
  add_labels(stale, l.stale.labels, "only those that carry it, may be repeated");
  stale->add_option("--image", l.stale.image, "only those of that image");
  stale->add_option("--state", l.stale.state, "only those in that state");
  stale->add_flag("--apply", l.stale.apply, "delete them");
  stale->add_flag("--no-archive", l.stale.no_archive, "let their files go unarchived");
  stale->add_flag("--wait", l.stale.wait, "wait until nothing is left of them");
  stale->add_option("--timeout", l.stale.timeout, "how long to wait")->capture_default_str()->type_name("D");

  auto* events =
      add(&app_, "events", "what happened, the newest first", [&l](Session& s) { return list_events(s, l.list); });
  events->add_option("--subject", l.list.subject, "only of that sandbox or archive")->type_name("ID");
  events->add_option("--type", l.list.type, "only of that type, such as sandbox.created");
  add_pages(events, l.list.all);
}

void CommandTree::server() {
  auto& l = line_;
  // These two are run by the other side of the program; they stand here to be told of.
  add(&app_, "serve", "run the server (mayfly serve --help)", [](Session&) -> Result<int> {
    return fail(Code::invalid, "serve: must be the first word of the command line");
  })->allow_extras();
  auto* doctor_command =
      add(&app_, "doctor", "what the host has against what the database says; exit code 1 if they differ",
          [&l](Session& s) -> Result<int> {
            if (l.second.empty()) return doctor(s, l.doctor);
            return fail(Code::invalid, "doctor: --data must follow it directly");
          });
  doctor_command->add_flag("--deep", l.doctor.deep, "read every archive back too, byte by byte");
  doctor_command->add_flag("--fix", l.doctor.fix, "after a question: what stands behind --fix in its report");
  doctor_command->add_flag("--strays", l.doctor.strays, "with --fix: also objects that no archive has a record of");
  doctor_command->add_flag("--yes", l.doctor.yes, "with --fix: do not ask");
  doctor_command->add_option("--data", l.second, "with the server down: look into its data folder")->type_name("DIR");
  needs(add(&app_, "explain", "why something is still here, or why and by whom it was deleted",
            [&l](Session& s) { return explain(s, l.subject); }),
        "ID");
  add(&app_, "version", "print the version of this program", [](Session& s) -> Result<int> {
    const json::object version = {{"version", MAYFLY_VERSION}};
    s.out.line(s.json ? boost::json::serialize(version) : std::string("mayfly ") + MAYFLY_VERSION);
    return exit_ok;
  });
}

}  // namespace mayfly::cli
