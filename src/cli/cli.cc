#include "cli/cli.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <functional>
#include <optional>
#include <sstream>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/failure.h"

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

/// Everything a command line can hold, and the command that was chosen.
struct CommandLine {
  std::string url, key_file, ca_file;
  bool json = false;
  CreateOptions create;
  ListOptions list;
  ExecOptions exec;
  RunOptions run;
  LogOptions log;
  RemoveOptions remove;
  StaleOptions stale;
  LifetimeOptions lifetime;
  ArchiveOptions archive;
  VolumeOptions volume;
  ImageOptions image;
  RestoreOptions restore;
  PeopleOptions people;
  DoctorOptions doctor;
  std::string subject, second, third;
  std::function<Result<int>(Session&)> chosen;
};

void add_lifetime(CLI::App* app, LifetimeOptions& into) {
  app->add_option("--max-age", into.max_age, "ends this long after its creation")->type_name("D");
  app->add_option("--idle", into.idle, "ends this long after its last use")->type_name("D");
  app->add_option("--at", into.at, "ends at that time")->type_name("TIME");
  app->add_option("--limit", into.limit, "no keepalive reaches past this age")->type_name("D");
  app->add_option("--on-expiry", into.on_expiry, "delete, stop or pause; or CLOCK=ACTION for max-age, idle and at")
      ->expected(1)->take_all()->type_name("ACTION");
}

void add_create(CLI::App* app, CreateOptions& into) {
  app->add_option("--name", into.name, "lower-case letters, digits and hyphens; made up without one");
  app->add_option("--label", into.labels, "KEY=VALUE, may be repeated")->expected(1)->take_all()->type_name("K=V");
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

void add_env(CLI::App* app, std::vector<std::string>& into) {
  app->add_option("-e,--env", into, "KEY=VALUE, or KEY as it is set here; may be repeated")
      ->expected(1)->take_all()->type_name("K=V");
}

class Tree {
 public:
  explicit Tree(CommandLine& line) : line_(line), app_(about, "mayfly") {
    app_.footer(about_the_rest);
    app_.fallthrough()->require_subcommand(1);
    add_common(&app_);
    app_.set_version_flag("--version", std::string("mayfly ") + MAYFLY_VERSION);
    sandboxes();
    processes();
    cleanups();
    archives();
    volumes();
    people();
    workspaces();
    server();
  }
  CLI::App& app() { return app_; }

 private:
  using Run = std::function<Result<int>(Session&)>;

  CLI::App* add(CLI::App* to, const char* name, const char* what, Run run) {
    auto* command = to->add_subcommand(name, what);
    command->footer("");
    command->callback([this, run = std::move(run)] { line_.chosen = run; });
    return command;
  }
  void add_common(CLI::App* app) {
    app->add_option("--url", line_.url, "the server, instead of MAYFLY_URL");
    app->add_option("--key-file", line_.key_file, "a file that holds the key, instead of MAYFLY_API_KEY")
        ->type_name("FILE");
    app->add_option("--ca-file", line_.ca_file, "certificates to believe (PEM), instead of MAYFLY_CA_FILE")
        ->type_name("FILE");
    app->add_flag("--json", line_.json, "print what the API answers: one JSON document");
  }
  /// A command inside follows: from its first word on nothing is an option of ours, so these cannot be left to the
  /// root.
  void add_exec(CLI::App* app, ExecOptions& into) {
    app->add_option("--cwd", into.cwd, "where it starts");
    app->add_option("--timeout", into.timeout, "it is killed after this long")->type_name("D");
    app->add_flag("-i,--stdin", into.with_stdin, "let it read what comes on stdin");
    add_common(app);
    app->fallthrough(false)->prefix_command();
  }
  CLI::App* group(const char* name, const char* what) { return app_.add_subcommand(name, what)->require_subcommand(1); }
  void needs(CLI::App* command, const char* name) { command->add_option(name, line_.subject)->required(); }

  void sandboxes();
  void processes();
  void cleanups();
  void archives();
  void volumes();
  void images();
  void people();
  void keys();
  void workspaces();
  void server();

  CommandLine& line_;
  CLI::App app_;
};

void Tree::sandboxes() {
  auto& l = line_;
  auto* create_command =
      add(&app_, "create", "make a sandbox and start it", [&l](Session& s) { return create(s, l.create); });
  create_command->add_option("--image", l.create.image, "busybox without one");
  add_create(create_command, l.create);
  add_env(create_command, l.create.env);
  create_command->add_flag("--no-wait", l.create.no_wait, "do not wait until it runs");

  auto* ls = add(&app_, "ls", "list sandboxes", [&l](Session& s) { return list_sandboxes(s, l.list); });
  ls->add_option("--state", l.list.states, "only those in that state, may be repeated")->expected(1)->take_all();
  ls->add_option("--label", l.list.labels, "only those that carry it, may be repeated")
      ->expected(1)
      ->take_all()
      ->type_name("K=V");
  ls->add_option("--image", l.list.image, "only those of that image");
  ls->add_flag("--all", l.list.all, "every page, not only the newest");

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
  rm->add_flag("--no-archive", l.remove.no_archive, "let its files go unarchived");
  rm->add_flag("--waive-on-failure", l.remove.waive_on_failure, "let them go if the archive fails");
  rm->add_option("--keep-archive", l.remove.keep_archive, "how long the archive is kept; 7d without it")
      ->type_name("D");
  rm->add_flag("--wait", l.remove.wait, "wait until nothing is left");
  rm->add_option("--timeout", l.remove.timeout, "how long to wait")->capture_default_str()->type_name("D");
}

void Tree::processes() {
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

void Tree::cleanups() {
  auto& l = line_;
  auto* cleanup = group("cleanup", "how deletes are going");
  auto* ls = add(cleanup, "ls", "list cleanup tasks", [&l](Session& s) { return list_cleanups(s, l.list); });
  ls->add_option("--status", l.list.status, "pending, in_progress, completed or failed");
  ls->add_option("--resource", l.list.resource, "only of that sandbox or archive")->type_name("ID");
  ls->add_flag("--steps", l.list.steps, "the steps too, not only the roots");
  ls->add_flag("--all", l.list.all, "every page, not only the newest");
  needs(add(cleanup, "get", "show one task", [&l](Session& s) { return get_cleanup(s, l.subject); }), "TASK");
  needs(add(cleanup, "tree", "draw a task and its steps", [&l](Session& s) { return cleanup_tree(s, l.subject); }),
        "TASK");
  needs(add(cleanup, "retry", "try a failed or waiting task again now",
            [&l](Session& s) { return retry_cleanup(s, l.subject); }),
        "TASK");

  auto* stale = add(cleanup, "stale", "what nobody has used for long: a dry run unless --apply",
                    [&l](Session& s) { return sweep_stale(s, l.stale); });
  stale->add_option("--inactive", l.stale.inactive, "unused for at least this long")->required()->type_name("D");
  stale->add_option("--label", l.stale.labels, "only those that carry it, may be repeated")
      ->expected(1)
      ->take_all()
      ->type_name("K=V");
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
  events->add_flag("--all", l.list.all, "every page, not only the newest");
}

void Tree::archives() {
  auto& l = line_;
  auto* archive = group("archive", "what deleted sandboxes have left");
  auto* ls = add(archive, "ls", "list archives", [&l](Session& s) { return list_archives(s, l.list); });
  ls->add_option("--sandbox", l.list.sandbox, "only of that sandbox")->type_name("ID");
  ls->add_option("--state", l.list.states, "only those in that state, may be repeated; active without one")
      ->expected(1)
      ->take_all();
  ls->add_flag("--all", l.list.all, "every page, not only the newest");
  needs(add(archive, "get", "show one archive", [&l](Session& s) { return get_archive(s, l.subject); }), "ARCHIVE");
  needs(add(archive, "rm", "delete an archive", [&l](Session& s) { return remove_archive(s, l.subject); }), "ARCHIVE");
  needs(add(archive, "verify", "read its bytes back and compare them with its manifest",
            [&l](Session& s) { return verify_archive(s, l.subject); }),
        "ARCHIVE");
  auto* expiry = add(archive, "expiry", "say when it ends",
                     [&l](Session& s) { return set_archive_expiry(s, l.subject, l.archive); });
  needs(expiry, "ARCHIVE");
  expiry->add_option("--retention", l.archive.retention, "so long after it was made, or never")->type_name("D");
  expiry->add_option("--at", l.archive.at, "at that time")->type_name("TIME");
  auto* keep = add(archive, "keep", "let it be kept for longer",
                   [&l](Session& s) { return keep_archive(s, l.subject, l.second, l.third); });
  needs(keep, "ARCHIVE");
  keep->add_option("D", l.second, "how much longer");
  keep->add_option("--until", l.third, "until when at least")->type_name("TIME");
  auto* files = add(archive, "files", "list what it holds, without fetching it",
                    [&l](Session& s) { return list_archive_files(s, l.subject, l.archive); });
  needs(files, "ARCHIVE");
  files->add_option("PATH", l.archive.path, "only what lies there and below");
  files->add_flag("--all", l.archive.all, "every page, not only the first");
  auto* download = add(archive, "download", "fetch its tar.zst, or one file of it",
                       [&l](Session& s) { return download_archive(s, l.subject, l.archive); });
  needs(download, "ARCHIVE");
  download->add_option("--path", l.archive.path, "that file only")->type_name("PATH");
  download->add_flag("--tar", l.archive.plain_tar, "without the compression");
  download->add_option("-o,--output", l.archive.file, "ARCHIVE.tar.zst without one; - is stdout")->type_name("FILE");

  auto* restore = add(&app_, "restore", "make a sandbox whose files begin as an archive, or bring one path of it back",
                      [&l](Session& s) -> Result<int> {
                        if (l.restore.path.empty() && l.restore.into.empty()) return create(s, l.create);
                        if (l.restore.path.empty() || l.restore.into.empty())
                          return fail(Code::invalid, "restore: --path and --into belong together");
                        l.restore.archive = l.create.restore_from;
                        return restore_path(s, l.restore);
                      });
  restore->add_option("--path", l.restore.path, "only that file or folder of the archive")->type_name("PATH");
  restore->add_option("--into", l.restore.into, "into that sandbox, which must run")->type_name("SANDBOX");
  restore->add_option("--to", l.restore.to, "where to put it there; where it was without one")->type_name("PATH");
  restore->add_option("ARCHIVE", l.create.restore_from)->required();
  add_create(restore, l.create);
  add_env(restore, l.create.env);
  restore->add_flag("--no-wait", l.create.no_wait, "do not wait until it runs");

  images();
}

void Tree::images() {
  auto& l = line_;
  auto* image = group("image", "what sandboxes are made of");
  add(image, "ls", "list images", [](Session& s) { return list_images(s); });
  auto* import = add(image, "import", "bring in what docker save wrote, an OCI layout, or a tar of a root file system",
                     [&l](Session& s) { return import_image(s, l.image); });
  import->add_option("PATH", l.image.path)->required();
  import->add_option("--name", l.image.name, "what it is to be called here")->required();
  import->add_flag("--on-server", l.image.on_server, "the path is one of the server's host; folders always are");
  auto* build =
      add(image, "build", "make one of Debian packages", [&l](Session& s) { return build_image(s, l.image); });
  build->add_option("FROM", l.image.from, "debian")->required();
  build->add_option("--packages", l.image.packages, "beside those of a minimal system: python3,git")->delimiter(',');
  build->add_option("--name", l.image.name, "what it is to be called; made of the packages without one");
  build->add_option("--release", l.image.release, "bookworm without one");
  build->add_flag("--no-wait", l.image.no_wait, "do not wait until it is done");
  auto* gc = add(image, "gc", "delete contents that have no name and that nothing needs",
                 [&l](Session& s) { return collect_images(s, l.image); });
  gc->add_flag("--dry-run", l.image.dry_run, "only say which");
  gc->add_option("--grace", l.image.grace, "without a name for so long; 1h without it")->type_name("D");
  needs(add(image, "rm", "remove an image that nothing uses", [&l](Session& s) { return remove_image(s, l.subject); }),
        "NAME");
}

void Tree::volumes() {
  auto& l = line_;
  auto* volume = group("volume", "folders that outlive their sandboxes");
  auto* create = add(volume, "create", "make a volume", [&l](Session& s) { return create_volume(s, l.volume); });
  create->add_option("NAME", l.volume.name, "made up without one");
  create->add_option("--size", l.volume.size_mb, "MiB of files")->check(CLI::PositiveNumber)->type_name("MIB");
  create->add_option("--label", l.volume.labels, "KEY=VALUE, may be repeated")->expected(1)->take_all()
      ->type_name("K=V");
  create->add_option("--restore-from", l.volume.restore_from, "its files begin as that archive of a volume")
      ->type_name("ARCHIVE");
  auto* ls = add(volume, "ls", "list volumes", [&l](Session& s) { return list_volumes(s, l.list); });
  ls->add_option("--state", l.list.states, "only those in that state, may be repeated")->expected(1)->take_all();
  ls->add_option("--label", l.list.labels, "only those that carry it, may be repeated")->expected(1)->take_all()
      ->type_name("K=V");
  ls->add_flag("--all", l.list.all, "every page, not only the newest");
  needs(add(volume, "get", "show one volume", [&l](Session& s) { return get_volume(s, l.subject); }), "VOLUME");
  auto* rm = add(volume, "rm", "archive and delete a volume that nothing mounts",
                 [&l](Session& s) { return remove_volume(s, l.subject, l.remove); });
  needs(rm, "VOLUME");
  rm->add_flag("--no-archive", l.remove.no_archive, "let its files go unarchived");
  rm->add_flag("--waive-on-failure", l.remove.waive_on_failure, "let them go if the archive fails");
  rm->add_option("--keep-archive", l.remove.keep_archive, "how long the archive is kept; 7d without it")
      ->type_name("D");
  rm->add_flag("--wait", l.remove.wait, "wait until nothing is left");
  rm->add_option("--timeout", l.remove.timeout, "how long to wait")->capture_default_str()->type_name("D");
}

void Tree::people() {
  auto& l = line_;
  auto& p = line_.people;
  auto* user = group("user", "who may use this server; for admins");
  auto* ls = add(user, "ls", "list users", [&p](Session& s) { return list_users(s, p); });
  ls->add_flag("--all", p.all, "every page, not only the newest");
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
  keys();
}

void Tree::keys() {
  auto& l = line_;
  auto& p = line_.people;
  auto* key = group("key", "what calls are made with");
  auto* ls = add(key, "ls", "list your keys; for an admin all", [&p](Session& s) { return list_keys(s, p); });
  ls->add_option("--user", p.user, "only of that user");
  ls->add_flag("--all", p.all, "every page, not only the newest");
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

void Tree::workspaces() {
  auto& l = line_;
  auto& p = line_.people;
  auto* workspace = group("workspace", "walls between people");
  auto* ls = add(workspace, "ls", "list workspaces", [&p](Session& s) { return list_workspaces(s, p); });
  ls->add_flag("--all", p.all, "every page, not only the newest");
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
  members->add_flag("--all", p.all, "every page, not only the newest");
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

void Tree::server() {
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

/// What follows "--" belongs to the command inside, whatever it looks like.
std::vector<std::string> take_command(std::vector<std::string>& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  const auto takes_one = [](const std::string& word) { return word == "exec" || word == "run"; };
  if (dashes == words.end() || std::none_of(words.begin(), dashes, takes_one)) return {};
  std::vector<std::string> command(dashes + 1, words.end());
  words.erase(dashes, words.end());
  return command;
}

/// The exit code when there is nothing to run: help was asked for, or the line is wrong.
std::optional<int> parse(Tree& tree, CommandLine& line, std::vector<std::string> words, Output& out, Output& err) {
  line.exec.command = line.run.exec.command = take_command(words);
  std::reverse(words.begin(), words.end());
  try {
    tree.app().parse(words);
  } catch (const CLI::ParseError& trouble) {
    std::ostringstream help, complaint;
    const bool fine = tree.app().exit(trouble, help, complaint) == 0;
    out.write(help.str());
    if (!fine) err.write("mayfly: " + printable(trouble.what()) + "; see: mayfly --help, or mayfly COMMAND --help\n");
    return fine ? exit_ok : exit_usage;
  }
  // Without "--" everything from the first word that is not an option on.
  const auto rest = tree.app().get_subcommands().front()->remaining();
  if (line.exec.command.empty()) line.exec.command = line.run.exec.command = rest;
  return std::nullopt;
}

int perform(const CommandLine& line, Output& out, Output& err) {
  const auto ended = [&]() -> Result<int> {
    Session session{ApiClient(TRY(Target::find(line.url, line.key_file, line.ca_file))), out, err, line.json};
    return line.chosen(session);
  }();
  if (ended) return *ended;
  err.write(describe(ended.error()));
  return exit_code(ended.error());
}

/// A reader that has had enough ends us quietly, as it ends every filter; a full disk does not.
int with_output_flushed(int code, const Output& out, Output& err) {
  if (out.error() == EPIPE || err.error() == EPIPE) {
    ::signal(SIGPIPE, SIG_DFL);
    ::raise(SIGPIPE);
  }
  if (out.error() == 0) return code;
  err.write(describe(errno_error(out.error(), "cannot write to stdout")));
  return code == exit_ok ? exit_failed : code;
}

}  // namespace

}  // namespace mayfly::cli

namespace mayfly {

int run_cli(int argc, char** argv) {
  // A connection that breaks is told by its call, not by a signal.
  ::signal(SIGPIPE, SIG_IGN);
  cli::Output out(STDOUT_FILENO), err(STDERR_FILENO);
  int code = cli::exit_failed;
  try {
    cli::CommandLine line;
    cli::Tree tree(line);
    const auto over = cli::parse(tree, line, {argv + std::min(argc, 1), argv + argc}, out, err);
    code = over ? *over : cli::perform(line, out, err);
  } catch (const std::exception& thrown) {
    err.line(std::string("mayfly: the answer is not as expected: ") + thrown.what());
  }
  return cli::with_output_flushed(code, out, err);
}

}  // namespace mayfly
