#include <iostream>

#include <unistd.h>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/failure.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

// Reading everything back takes as long as it takes; somebody who has had enough interrupts it.
constexpr std::chrono::milliseconds deep_patience = std::chrono::hours(12);
constexpr std::chrono::milliseconds patience = std::chrono::seconds(120);

std::string line_of(const std::string& name, const std::string& text) {
  return text.empty() ? "" : "   " + name + ": " + printable(text) + "\n";
}

std::string block_for(std::size_t number, const json::object& finding, const Paper& paper) {
  const auto since = time_at(finding, "since");
  std::string text = std::to_string(number) + ". " + painted(text_at(finding, "trouble"), Tone::bad, paper);
  if (since) text += ", known since " + plain(since) + " (" + relative(since, wall_now()) + ")";
  text += "\n   " + printable(text_at(finding, "text")) + "\n";
  text += line_of("by itself", text_at(finding, "by_itself"));
  text += line_of("to do", text_at(finding, "to_do"));
  return text + line_of("--fix", text_at(finding, "fix"));
}

std::string report_of(const json::object& body, const Paper& paper) {
  const auto& findings = array_at(body, "findings");
  std::string text =
      flag_at(body, "clean") ? "clean: " : "NOT CLEAN: " + std::to_string(findings.size()) + " findings; ";
  text += text_at(body, "sandboxes") + " sandboxes in the database, " + text_at(body, "things") +
          " things of them on the host";
  if (flag_at(body, "deep")) text += ", " + text_at(body, "archives_read") + " archives read back and found right";
  text += "\n";
  std::size_t number = 0;
  for (const auto& finding : findings) text += block_for(++number, finding.as_object(), paper);
  if (flag_at(body, "suspicious"))
    text += "so much is unknown that nothing of it is touched by itself: was an old database restored?\n";
  return text;
}

/// An object that no archive names may be one that an older copy of the database has forgotten: never by the way.
json::array keys_to_fix(const json::object& report, const DoctorOptions& options) {
  json::array keys;
  for (const auto& value : array_at(report, "findings")) {
    const auto& finding = value.as_object();
    if (text_at(finding, "fix").empty()) continue;
    if (options.strays || text_at(finding, "trouble") != "stray_object") keys.push_back(finding.at("key"));
  }
  return keys;
}

Result<bool> confirmed(Session& session, const DoctorOptions& options, std::size_t count) {
  if (options.yes) return true;
  if (session.json || ::isatty(STDIN_FILENO) == 0)
    return fail(Code::invalid, "doctor --fix asks before it changes anything, and there is nobody to ask: see what "
                               "mayfly doctor says, then give --yes");
  session.err.write("do what stands behind --fix for " + std::to_string(count) + " of them? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

Result<int> fix(Session& session, const DoctorOptions& options, const json::object& report) {
  const auto keys = keys_to_fix(report, options);
  if (keys.empty()) {
    note(session, "none of it can be mended from here: see what is to do");
    return exit_failed;
  }
  if (!TRY(confirmed(session, options, keys.size()))) {
    note(session, "nothing was changed");
    return exit_failed;
  }
  const auto answer = TRY(session.api.send("mend what doctor found", "POST", "/v1/doctor/fix", {{"findings", keys}},
                                           options.deep ? deep_patience : patience));
  std::string text;
  bool all = keys.size() == array_at(report, "findings").size();
  for (const auto& value : array_at(answer.body, "items")) {
    const auto& item = value.as_object();
    const auto task = text_at(item, "cleanup_task_id");
    text += text_at(item, "outcome") + "  " + printable(text_at(item, "key")) + ": " +
            printable(text_at(item, "text")) + (task.empty() ? "" : "; mayfly cleanup tree " + task) + "\n";
    all = all && text_at(item, "outcome") != "failed";
  }
  show(session, answer, text);
  return all ? exit_ok : exit_failed;
}

Result<int> examine(Session& session, const DoctorOptions& options) {
  const auto path = std::string("/v1/doctor") + (options.deep ? "?deep=true" : "");
  const auto answer =
      TRY(session.api.send("examine the server", "GET", path, {}, options.deep ? deep_patience : patience));
  const bool clean = flag_at(answer.body, "clean");
  // With --json the one document that is printed is the last word.
  if (clean || !options.fix || !session.json) show(session, answer, report_of(answer.body, session.out.paper()));
  if (clean) return exit_ok;
  return options.fix ? fix(session, options, answer.body) : Result<int>(exit_failed);
}

void add_lines(std::string& text, const std::string& title, const json::array& lines) {
  if (lines.empty()) return;
  text += title + "\n";
  for (const auto& value : lines) {
    const auto& line = value.as_object();
    const auto at = plain(time_at(line, "at"));
    text += "  " + (at.empty() ? "" : at + "  ") + printable(text_at(line, "text")) + "\n";
  }
}

}  // namespace

/// An alarm must be able to tell "it found something" from "it could not look".
Result<int> doctor(Session& session, const DoctorOptions& options) {
  const auto code = examine(session, options);
  if (code) return code;
  session.err.write(describe(code.error()));
  return exit_not_examined;
}

Result<int> explain(Session& session, const std::string& id) {
  const auto answer = TRY(session.api.get("explain " + id, path_to("/v1/explain", {id})));
  std::string text = printable(text_at(answer.body, "summary")) + "\n";
  add_lines(text, "why it is here:", array_at(answer.body, "reasons"));
  add_lines(text, "what its delete waits for:", array_at(answer.body, "waits_for"));
  add_lines(text, flag_at(answer.body, "history_cut") ? "what happened (the newest part):" : "what happened:",
            array_at(answer.body, "history"));
  show(session, answer, text);
  return exit_ok;
}

}  // namespace mayfly::cli
