#include <thread>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/failure.h"

namespace mayfly::cli {

namespace {

// The server pushes nothing, so the end of a cleanup is looked for: often at first, since most take milliseconds.
constexpr Duration first_look = 20ms;
constexpr Duration longest_pause = 1s;

}  // namespace

void show(Session& session, const Answer& answer, const std::string& text) {
  if (session.json) session.out.line(answer.text);
  else session.out.write(text);
}

void show_list(Session& session, const ApiClient::Items& items, const std::string& table, bool may_ask_for_all) {
  if (session.json) {
    session.out.line(boost::json::serialize(items.items));
    return;
  }
  session.out.write(table);
  if (items.more && may_ask_for_all)
    note(session, "these are the newest " + std::to_string(items.items.size()) + "; --all shows every one");
}

void note(Session& session, const std::string& text) { session.err.line("mayfly: " + printable(text)); }

Result<int> wait_for_cleanup(Session& session, const std::string& task, Duration patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (auto pause = first_look;; pause = std::min(pause * 2, longest_pause)) {
    const auto answer = TRY(session.api.get("follow cleanup task " + task, path_to("/v1/cleanup-tasks", {task})));
    const auto status = text_at(answer.body, "status");
    if (status == "completed") return exit_ok;
    const std::string see = "; see: mayfly cleanup tree " + task;
    if (status == "failed")
      return fail(Code::internal, "cleanup task " + task + " failed: " + text_at(answer.body, "last_error") + see);
    if (std::chrono::steady_clock::now() + pause > end)
      return fail(Code::timed_out, "cleanup task " + task + " is still " + status + " after " + human(patience) +
                                       " and goes on" + see, std::string(waited));
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace mayfly::cli
