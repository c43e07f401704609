#include "cli/command_tree.h"

namespace mayfly::cli {

namespace {

constexpr const char* about =
    "Runs environments that are meant to die, and makes sure that they do.\n"
    "A SANDBOX is named by its id or its name. A D is a duration: 90, 90s, 15m, 2h, 7d or 1h30m.\n"
    "A TIME is RFC 3339 with an offset: 2026-11-21T10:30:00Z.\n";

constexpr const char* about_the_rest =
    "Environment:\n"
    "  MAYFLY_URL       the server; http://127.0.0.1:7070 without one\n"
    "  MAYFLY_API_KEY   the key to ask with\n"
    "  MAYFLY_CA_FILE   certificates to believe of an https server, instead of the system's\n"
    "  MAYFLY_WORKSPACE where to act, by id or slug; the home of the key without one\n"
    "  NO_COLOR         no colours, also on a terminal\n"
    "\n"
    "Exit codes:\n"
    "  0 done   1 the operation failed, or doctor found something   2 wrong usage   3 no such thing\n"
    "  4 its state forbids this   5 not authenticated or not allowed   6 the server cannot be reached\n"
    "  7 accepted, but not done in the time that was waited   exec and run: the command's own, or\n"
    "  8 when not all of its output came; the last line on stderr then tells the command's own\n"
    "  doctor: 0 clean, 1 it found something, 2 it could not look";

}  // namespace

CommandTree::CommandTree(CommandLine& line) : line_(line), app_(about, "mayfly") {
  app_.footer(about_the_rest);
  app_.fallthrough()->require_subcommand(1);
  add_common(&app_);
  app_.set_version_flag("--version", std::string("mayfly ") + MAYFLY_VERSION);
  sandboxes();
  processes();
  cleanups();
  archives();
  images();
  volumes();
  people();
  keys();
  workspaces();
  server();
}

CLI::App* CommandTree::add(CLI::App* to, const char* name, const char* what, Run run) {
  auto* command = to->add_subcommand(name, what);
  command->footer("");
  command->callback([this, run = std::move(run)] { line_.chosen = run; });
  return command;
}

CLI::App* CommandTree::group(const char* name, const char* what) {
  return app_.add_subcommand(name, what)->require_subcommand(1);
}

void CommandTree::add_common(CLI::App* app) {
  app->add_option("--url", line_.url, "the server, instead of MAYFLY_URL");
  app->add_option("--key-file", line_.key_file, "a file that holds the key, instead of MAYFLY_API_KEY")
      ->type_name("FILE");
  app->add_option("--ca-file", line_.ca_file, "certificates to believe (PEM), instead of MAYFLY_CA_FILE")
      ->type_name("FILE");
  app->add_flag("--json", line_.json, "print what the API answers: one JSON document");
}

void CommandTree::add_lifetime(CLI::App* app, LifetimeOptions& into) {
  app->add_option("--max-age", into.max_age, "ends this long after its creation")->type_name("D");
  app->add_option("--idle", into.idle, "ends this long after its last use")->type_name("D");
  app->add_option("--at", into.at, "ends at that time")->type_name("TIME");
  app->add_option("--limit", into.limit, "no keepalive reaches past this age")->type_name("D");
  app->add_option("--on-expiry", into.on_expiry, "delete, stop or pause; or CLOCK=ACTION for max-age, idle and at")
      ->expected(1)->take_all()->type_name("ACTION");
}

void CommandTree::add_create(CLI::App* app, CreateOptions& into) {
  app->add_option("--name", into.name, "lower-case letters, digits and hyphens; made up without one");
  add_labels(app, into.labels, "KEY=VALUE, may be repeated");
  app->add_option("--cpus", into.cpus, "cores, 0.01 to 256")->check(CLI::Range(0.01, 256.0));
  app->add_option("--memory", into.memory_mb, "MiB of memory")->check(CLI::PositiveNumber)->type_name("MIB");
  app->add_option("--pids", into.pids, "processes and threads")->check(CLI::PositiveNumber);
  app->add_option("--disk", into.disk_mb, "MiB of files of its own")->check(CLI::PositiveNumber)->type_name("MIB");
  app->add_option("--workdir", into.workdir, "where its commands start");
  app->add_option("--exclude", into.exclude, "a path that is never archived, may be repeated")
      ->expected(1)
      ->take_all()
      ->type_name("P");
  app->add_option("--network", into.network, "none, or outbound: the internet, and nothing private")
      ->check(CLI::IsMember({"none", "outbound"}));
  app->add_option("--standby", into.standby, "sleeps after so long without calls and processes; any call wakes it")
      ->type_name("D");
  app->add_option("--mount", into.mounts, "a volume: NAME:/path, or NAME:/path:ro; may be repeated")
      ->expected(1)
      ->take_all()
      ->type_name("V:P");
  add_lifetime(app, into.lifetime);
}

void CommandTree::add_env(CLI::App* app, std::vector<std::string>& into) {
  app->add_option("-e,--env", into, "KEY=VALUE, or KEY as it is set here; may be repeated")
      ->expected(1)->take_all()->type_name("K=V");
}

/// A command inside follows: from its first word on nothing is an option of ours, so these cannot be left to the
/// root.
void CommandTree::add_exec(CLI::App* app, ExecOptions& into) {
  app->add_option("--cwd", into.cwd, "where it starts");
  app->add_option("--timeout", into.timeout, "it is killed after this long")->type_name("D");
  app->add_flag("-i,--stdin", into.with_stdin, "let it read what comes on stdin");
  add_common(app);
  app->fallthrough(false)->prefix_command();
}

void CommandTree::add_labels(CLI::App* app, std::vector<std::string>& into, const char* what) {
  app->add_option("--label", into, what)->expected(1)->take_all()->type_name("K=V");
}

void CommandTree::add_states(CLI::App* app, std::vector<std::string>& into, const char* what) {
  app->add_option("--state", into, what)->expected(1)->take_all();
}

void CommandTree::add_pages(CLI::App* app, bool& into) {
  app->add_flag("--all", into, "every page, not only the first");
}

void CommandTree::add_removal(CLI::App* app, RemoveOptions& into) {
  app->add_flag("--no-archive", into.no_archive, "let its files go unarchived");
  app->add_flag("--waive-on-failure", into.waive_on_failure, "let them go if the archive fails");
  app->add_option("--keep-archive", into.keep_archive, "how long the archive is kept; 7d without it")->type_name("D");
  app->add_flag("--wait", into.wait, "wait until nothing is left");
  app->add_option("--timeout", into.timeout, "how long to wait")->capture_default_str()->type_name("D");
}

}  // namespace mayfly::cli
