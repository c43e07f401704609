#pragma once
// The words of the command line, and what each of them runs. One file for each group of commands.

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands.h"

namespace mayfly::cli {

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

class CommandTree {
 public:
  explicit CommandTree(CommandLine& line);
  CLI::App& app() { return app_; }

 private:
  using Run = std::function<Result<int>(Session&)>;

  CLI::App* add(CLI::App* to, const char* name, const char* what, Run run);
  CLI::App* group(const char* name, const char* what);
  void needs(CLI::App* command, const char* name) { command->add_option(name, line_.subject)->required(); }

  // Options that several commands have.
  void add_common(CLI::App* app);
  void add_create(CLI::App* app, CreateOptions& into);
  void add_exec(CLI::App* app, ExecOptions& into);
  static void add_lifetime(CLI::App* app, LifetimeOptions& into);
  static void add_env(CLI::App* app, std::vector<std::string>& into);
  static void add_labels(CLI::App* app, std::vector<std::string>& into, const char* what);
  static void add_states(CLI::App* app, std::vector<std::string>& into, const char* what);
  static void add_pages(CLI::App* app, bool& into);
  static void add_removal(CLI::App* app, RemoveOptions& into);

  void sandboxes();
  void processes();
  void cleanups();
  void archives();
  void images();
  void volumes();
  void people();
  void keys();
  void workspaces();
  void server();

  CommandLine& line_;
  CLI::App app_;
};

}  // namespace mayfly::cli
