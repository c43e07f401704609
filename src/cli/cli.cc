#include "cli/cli.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <sstream>

#include <unistd.h>

#include "cli/command_tree.h"
#include "cli/exit_code.h"
#include "cli/failure.h"

namespace mayfly::cli {

namespace {

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
std::optional<int> parse(CommandTree& tree, CommandLine& line, std::vector<std::string> words, Output& out,
                         Output& err) {
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
    cli::CommandTree tree(line);
    const auto over = cli::parse(tree, line, {argv + std::min(argc, 1), argv + argc}, out, err);
    code = over ? *over : cli::perform(line, out, err);
  } catch (const std::exception& thrown) {
    err.line(std::string("mayfly: the answer is not as expected: ") + thrown.what());
  }
  return cli::with_output_flushed(code, out, err);
}

}  // namespace mayfly
