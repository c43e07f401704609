#include "core/explain.h"

#include <algorithm>
#include <utility>

namespace mayfly::explain {

namespace {

/// Of events that the rule below would tell badly.
constexpr std::pair<std::string_view, std::string_view> phrases[] = {
    {"created", "it was created"},
    {"started", "it was started"},
    {"start_failed", "it could not be started"},
    {"start_accepted", "starting it was accepted"},
    {"stop_accepted", "stopping it was accepted"},
    {"pause_accepted", "pausing it was accepted"},
    {"resume_accepted", "resuming it was accepted"},
    {"stopped", "it was stopped"},
    {"paused", "it was paused"},
    {"resumed", "it was resumed"},
    {"lifetime_set", "its deadlines were set"},
    {"expiry_set", "its end was set"},
    {"expired", "a deadline of it came"},
    {"lost", "its processes were gone although nobody had stopped it"},
    {"disk_limit", "it had more files than its limit"},
    {"volume_limit", "a volume that it mounts had more files than its limit"},
    {"quarantined", "it was found on the host and in no record, and put under quarantine"},
    {"found_again", "files of it were found after its end, and it was taken back into the record"},
    {"delete_accepted", "deleting it was accepted"},
    {"archive_waived", "its files were let go without an archive"},
    {"nothing_to_archive", "there was nothing to archive"},
    {"verified", "an archive of it was read back and found right"},
    {"verify_failed", "its bytes were found to be damaged"},
    {"over_quota", "the archive made its workspace pass its quota"},
    {"gone", "nothing of it was left, and it was forgotten"},
    {"completed", "the delete came to its end"},
    {"failed", "the delete could get no further"},
    {"retried", "the delete was tried again"},
    {"fix", "doctor was told to mend it"},
    {"kept", "it was kept"},
};

std::string phrase_of(const std::string& type) {
  const auto dot = type.find('.');
  const auto word = std::string_view(type).substr(dot == std::string::npos ? 0 : dot + 1);
  for (const auto& [name, phrase] : phrases)
    if (name == word) return std::string(phrase);
  std::string text(word);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

bool ends_with(const Event& event, std::string_view what) {
  return event.type.ends_with(what) && event.type.size() > what.size() &&
         event.type[event.type.size() - what.size() - 1] == '.';
}

std::string value_of(const Event& event, const std::string& name) {
  const auto found = event.data.find(name);
  return found == event.data.end() ? std::string() : found->second;
}

std::string reason_in_words(const std::string& reason) {
  if (reason == "request") return "because it was asked for";
  if (reason == "max_age") return "because its age had reached max_age";
  if (reason == "idle") return "because nobody had used it for its idle time";
  if (reason == "at") return "because its absolute deadline had come";
  if (reason == "retention") return "because its retention was over";
  if (reason == "stale") return "because a sweep found it unused";
  if (reason == "orphan") return "because no record knew it";
  if (reason == "abandoned") return "because what made it had ended";
  if (reason == "files_missing") return "because its files were missing";
  return reason.empty() ? "for no recorded reason" : "because of: " + reason;
}

std::string archive_in_words(const std::string& archive) {
  if (archive == "waived") return ", without an archive";
  if (archive == "required") return ", after an archive";
  if (archive == "wanted") return ", after an archive if one could be made";
  return {};
}

std::string clock_in_words(Trigger trigger, const Lifetime& life) {
  switch (trigger) {
    case Trigger::max_age: return "max_age (" + human(*life.policy.max_age) + " after its creation)";
    case Trigger::idle: return "idle (" + human(*life.policy.idle) + " after its last use, which was " +
                               std::string(name(life.active_by)) + ")";
    case Trigger::absolute: return "at (an instant of the wall clock)";
    case Trigger::retention: return "retention (" + human(*life.retention) + " since it was halted)";
  }
  return {};
}

}  // namespace

Line tell(const Event& event) {
  std::string text = phrase_of(event.type) + ", by " + event.actor;
  std::string facts;
  for (const auto& [name, value] : event.data) facts += (facts.empty() ? "" : ", ") + name + ": " + value;
  if (!facts.empty()) text += " (" + facts + ")";
  return {event.at, std::move(text)};
}

std::vector<Line> deadlines(const Lifetime& life, Moment now, const Downtime& down) {
  if (life.state == State::deleting || life.state == State::gone) return {};
  const auto decides = lifetime::due(life, now, down);
  if (!decides) return {{std::nullopt, "no deadline is set: it stays until somebody deletes it"}};
  std::vector<Line> lines = {{decides->at, "its deadline " + clock_in_words(decides->trigger, life) + " comes at " +
                                               format(decides->at) + ": then " + std::string(name(decides->action)) +
                                               (lifetime::in_grace(life, now, down) ? ", put off by a downtime" : "")}};
  if (life.keep_until) lines.push_back({life.keep_until, "it was kept alive until " + format(*life.keep_until)});
  if (life.limit_at) lines.push_back({life.limit_at, "no keepalive reaches past its limit, " + format(*life.limit_at)});
  if (life.halted_at)
    lines.push_back({life.halted_at, "its relative clocks stand still since " + format(*life.halted_at)});
  return lines;
}

std::vector<Line> steps(const std::vector<Task>& tree, Time now) {
  std::vector<Line> lines;
  const auto said = [&](const Task& task, const std::string& text, std::optional<Time> at = {}) {
    lines.push_back({at, std::string(name(task.verb)) + " (" + task.id.text + ") " + text});
  };
  for (const auto& task : tree) {
    if (resource_level(task.verb)) continue;
    const auto again = task.work.next_attempt_at;
    const auto tried = " after " + std::to_string(task.work.attempts) + " attempts: " + task.work.last_error;
    switch (task.phase) {
      case Phase::waiting: said(task, "waits for the steps before it"); break;
      case Phase::ready: said(task, "waits for a worker"); break;
      case Phase::running: said(task, "is under way", task.started_at); break;
      case Phase::children: said(task, "waits for what is below it"); break;
      case Phase::failed: said(task, "has failed" + tried + "; mayfly cleanup retry " + task.root.text); break;
      case Phase::backing_off: case Phase::stuck:
        said(task,
             (task.phase == Phase::stuck ? "is stuck" : "is tried again") +
                 (again && *again > now ? " and waits until " + format(*again) : std::string(" now")) + tried,
             again);
        break;
      case Phase::completed: break;
    }
  }
  return lines;
}

std::optional<std::string> ending(const std::vector<Event>& oldest_first) {
  const Event* accepted = nullptr;
  const Event* gone = nullptr;
  bool waived = false;
  std::string archive;
  for (const auto& event : oldest_first) {
    if (ends_with(event, "delete_accepted")) accepted = &event, gone = nullptr, waived = false;
    if (ends_with(event, "gone")) gone = &event;
    if (ends_with(event, "archive_waived")) waived = true;
    if (event.type == "archive.verified") archive = value_of(event, "archive");
  }
  if (!accepted) return std::nullopt;
  std::string text = accepted->actor + " had it deleted at " + format(accepted->at) + " " +
                     reason_in_words(value_of(*accepted, "reason"));
  text += waived ? ", and its archive was waived" : archive_in_words(value_of(*accepted, "archive"));
  if (!archive.empty()) text += "; its files are in " + archive;
  text += gone ? "; nothing of it was left at " + format(gone->at) : "; that is under way";
  return text;
}

}  // namespace mayfly::explain
