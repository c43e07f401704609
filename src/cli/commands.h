#pragma once
// Every command of the client: what it is given and what runs it. A command answers its exit code, or the Error that
// the caller describes and turns into one.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "cli/api_client.h"
#include "cli/output.h"

namespace mayfly::cli {

struct Session {
  ApiClient api;
  Output& out;
  Output& err;
  bool json = false;         // print what the API says, as it is
};

/// Values as typed; an empty one was not given. "never" takes a clock away.
struct LifetimeOptions {
  std::string max_age, idle, at, limit;
  std::vector<std::string> on_expiry;     // "stop" for all clocks, or "idle=stop"
};

struct CreateOptions {
  std::string image, name, restore_from, workdir, network, standby;
  std::vector<std::string> labels, env;   // "k=v"
  double cpus = 0;                        // 0: the server's default, as for the next three
  std::int64_t memory_mb = 0, pids = 0, disk_mb = 0;
  LifetimeOptions lifetime;
  std::vector<std::string> exclude, mounts;   // a mount is "volume:/path", and ":ro" behind it
  bool no_wait = false;
};

struct ListOptions {
  std::vector<std::string> states, labels;
  std::string image, status, resource, subject, type, sandbox;
  bool steps = false;
  bool all = false;
};

struct ExecOptions {
  std::string sandbox, cwd, timeout, name;
  std::vector<std::string> env, command;
  bool no_wait = false;
  bool with_stdin = false;
};

struct RunOptions {
  CreateOptions create;
  ExecOptions exec;
  bool keep = false;
};

struct LogOptions {
  std::string sandbox, process;
  bool from_stderr = false;
  bool follow = false;
};

struct RemoveOptions {
  std::vector<std::string> sandboxes;
  bool no_archive = false, waive_on_failure = false, wait = false;
  std::string keep_archive, timeout = "10m";
};

struct VolumeOptions {
  std::string name, restore_from;
  std::int64_t size_mb = 0;               // 0: the server's default
  std::vector<std::string> labels;
};

struct StaleOptions {
  std::string inactive, image, state;
  std::vector<std::string> labels;
  bool apply = false, no_archive = false, wait = false;
  std::string timeout = "10m";
};

struct ArchiveOptions {
  std::string file, path, retention, at;
  bool plain_tar = false, all = false;
};

struct ImageOptions {
  std::string path, name, from, release, grace;
  std::vector<std::string> packages;
  bool on_server = false, no_wait = false, dry_run = false;
};

struct DoctorOptions {
  bool deep = false, fix = false, yes = false, strays = false;
};

/// One path of an archive, into a sandbox that runs.
struct RestoreOptions {
  std::string archive, path, into, to;
};

/// Of users, keys and workspaces; an empty one was not given.
struct PeopleOptions {
  std::string name, role, user, workspace, ttl, expires_at, slug, always_archive, active, rate;
  std::vector<std::string> workspaces, scopes, quota;
  bool all = false;
};

// commands_sandbox.cc
Result<int> create(Session& session, const CreateOptions& options);
Result<int> list_sandboxes(Session& session, const ListOptions& options);
Result<int> get_sandbox(Session& session, const std::string& sandbox);
Result<int> keepalive(Session& session, const std::string& sandbox, const std::string& by, const std::string& until);
Result<int> set_expiry(Session& session, const std::string& sandbox, const LifetimeOptions& options);
Result<int> move(Session& session, const std::string& sandbox, const std::string& verb);
Result<int> remove_sandboxes(Session& session, const RemoveOptions& options);

// commands_process.cc
Result<int> exec(Session& session, const ExecOptions& options);
Result<int> run(Session& session, const RunOptions& options);
Result<int> list_processes(Session& session, const std::string& sandbox);
Result<int> logs(Session& session, const LogOptions& options);
Result<int> kill(Session& session, const std::string& sandbox, const std::string& process, const std::string& signal);

// commands_ports.cc
/// `ports` is [LOCAL:]PORT. Goes on until it is interrupted.
Result<int> port_forward(Session& session, const std::string& sandbox, const std::string& ports);

// commands_files.cc
Result<int> copy(Session& session, const std::string& from, const std::string& to);

// commands_cleanup.cc
Result<int> list_cleanups(Session& session, const ListOptions& options);
Result<int> get_cleanup(Session& session, const std::string& task);
Result<int> cleanup_tree(Session& session, const std::string& task);
Result<int> retry_cleanup(Session& session, const std::string& task);
Result<int> sweep_stale(Session& session, const StaleOptions& options);
Result<int> list_events(Session& session, const ListOptions& options);

// commands_doctor.cc
/// exit_ok: clean; exit_failed: it found something; exit_not_examined: it could not look.
Result<int> doctor(Session& session, const DoctorOptions& options);
Result<int> explain(Session& session, const std::string& id);

// commands_volume.cc
Result<int> create_volume(Session& session, const VolumeOptions& options);
Result<int> list_volumes(Session& session, const ListOptions& options);
Result<int> get_volume(Session& session, const std::string& volume);
Result<int> remove_volume(Session& session, const std::string& volume, const RemoveOptions& options);

// commands_archive.cc
Result<int> list_archives(Session& session, const ListOptions& options);
Result<int> get_archive(Session& session, const std::string& archive);
Result<int> remove_archive(Session& session, const std::string& archive);
Result<int> download_archive(Session& session, const std::string& archive, const ArchiveOptions& options);
Result<int> list_archive_files(Session& session, const std::string& archive, const ArchiveOptions& options);
Result<int> verify_archive(Session& session, const std::string& archive);
Result<int> set_archive_expiry(Session& session, const std::string& archive, const ArchiveOptions& options);
Result<int> keep_archive(Session& session, const std::string& archive, const std::string& by, const std::string& until);
Result<int> restore_path(Session& session, const RestoreOptions& options);

// commands_image.cc
Result<int> list_images(Session& session);
Result<int> import_image(Session& session, const ImageOptions& options);
Result<int> build_image(Session& session, const ImageOptions& options);
Result<int> remove_image(Session& session, const std::string& name);
Result<int> collect_images(Session& session, const ImageOptions& options);

// commands_people.cc
Result<int> list_users(Session& session, const PeopleOptions& options);
Result<int> create_user(Session& session, const PeopleOptions& options);
Result<int> set_user(Session& session, const std::string& user, const PeopleOptions& options);
Result<int> remove_user(Session& session, const std::string& user);
Result<int> list_keys(Session& session, const PeopleOptions& options);
Result<int> create_key(Session& session, const PeopleOptions& options);
Result<int> set_key(Session& session, const std::string& key, const PeopleOptions& options);
Result<int> revoke_key(Session& session, const std::string& key);

// commands_workspace.cc
Result<int> list_workspaces(Session& session, const PeopleOptions& options);
Result<int> create_workspace(Session& session, const PeopleOptions& options);
Result<int> get_workspace(Session& session, const std::string& workspace);
Result<int> set_workspace(Session& session, const std::string& workspace, const PeopleOptions& options);
Result<int> list_members(Session& session, const std::string& workspace, const PeopleOptions& options);
Result<int> put_member(Session& session, const std::string& workspace, const std::string& user,
                       const std::string& role);
Result<int> remove_member(Session& session, const std::string& workspace, const std::string& user);

// Shared by them, in shared.cc.

/// With --json the answer as it came; otherwise `text`.
void show(Session& session, const Answer& answer, const std::string& text);
/// With --json one array of all items; otherwise `table`, and a word when there is more than it shows.
void show_list(Session& session, const ApiClient::Items& items, const std::string& table, bool may_ask_for_all = true);
/// Something worth knowing that is not the result: to stderr.
void note(Session& session, const std::string& text);
/// Follows a cleanup task to its end: how it ended, or reason `waited`.
Result<int> wait_for_cleanup(Session& session, const std::string& task, Duration patience);
/// All of them, within `patience` together; each that does not get there is told of, and the first is the exit code.
int wait_for_cleanups(Session& session, const std::vector<std::string>& tasks, Duration patience);

}  // namespace mayfly::cli
