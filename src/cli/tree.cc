#include "cli/tree.h"

#include <algorithm>
#include <map>
#include <vector>

#include "cli/answer.h"
#include "cli/table.h"

namespace mayfly::cli {

namespace {

// Two levels are all there is today; the bound is for a server that answers a circle.
constexpr int depth_limit = 32;

struct Line {
  const json::object* task;
  std::string branch;        // in front of the task
  std::string below;         // in front of what belongs to it
};

class Drawing {
 public:
  explicit Drawing(const json::array& tasks) {
    std::vector<std::string> ids;
    for (const auto& value : tasks)
      if (const auto* task = value.if_object()) ids.push_back(text_at(*task, "id"));
    for (const auto& value : tasks) {
      const auto* task = value.if_object();
      if (!task) continue;
      const auto parent = text_at(*task, "parent_id");
      const bool known = std::ranges::find(ids, parent) != ids.end();
      children_[known ? parent : ""].push_back(task);
    }
    for (auto& [parent, children] : children_)
      std::ranges::stable_sort(children, {},
                               [](const json::object* task) { return number_at(*task, "stage").value_or(0); });
    for (const auto* root : children_[""]) add(*root, "", "", 0);
  }

  const std::vector<Line>& lines() const { return lines_; }

 private:
  void add(const json::object& task, const std::string& branch, const std::string& below, int depth) {
    const auto found = children_.find(text_at(task, "id"));
    const bool has_children = found != children_.end() && !found->first.empty() && depth < depth_limit;
    lines_.push_back({&task, branch, below + (has_children ? "│  " : "   ")});
    if (!has_children) return;
    for (const auto* child : found->second) {
      const bool last = child == found->second.back();
      add(*child, below + (last ? "└─ " : "├─ "), below + (last ? "   " : "│  "), depth + 1);
    }
  }

  std::map<std::string, std::vector<const json::object*>> children_;
  std::vector<Line> lines_;
};

std::string attempts_of(const json::object& task, WallTime now) {
  const auto attempts = number_at(task, "attempts").value_or(0);
  std::string text;
  if (attempts > 1 || (attempts == 1 && !text_at(task, "last_error").empty()))
    text = std::to_string(static_cast<long long>(attempts)) + (attempts == 1 ? " attempt" : " attempts");
  const auto phase = text_at(task, "phase");
  const auto next = time_at(task, "next_attempt_at");
  if (next && (phase == "backing_off" || phase == "stuck"))
    text += (text.empty() ? "" : ", ") + (*next > now ? "next " + relative(next, now) : std::string("next is due"));
  return text;
}

}  // namespace

std::string status_of_task(const json::object& task) {
  const auto status = text_at(task, "status");
  const auto phase = text_at(task, "phase");
  const bool says_more = !phase.empty() && phase != status && phase != "ready" && phase != "running";
  return says_more ? status + " (" + phase + ")" : status;
}

std::string duration_of_task(const json::object& task, WallTime now) {
  const auto started = time_at(task, "started_at");
  if (!started) return {};
  const auto ended = time_at(task, "completed_at");
  return human(std::max((ended ? *ended : now) - *started, Duration::zero()));
}

std::string draw_tree(const json::array& tasks, WallTime now, const Paper& paper) {
  const Drawing drawing(tasks);
  Table table({{""}, {""}, {"", 0, true}, {"", 12}, {""}});
  for (const auto& line : drawing.lines()) {
    const auto& task = *line.task;
    const auto tone = tone_of(text_at(task, text_at(task, "phase").empty() ? "status" : "phase"));
    table.add({line.branch + text_at(task, "resource_type"), {status_of_task(task), tone}, duration_of_task(task, now),
               attempts_of(task, now), {line.branch.empty() ? text_at(task, "resource_id") : "", Tone::faint}});
  }
  std::string text;
  const auto rows = table.lines(paper);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& line = drawing.lines()[i];
    text += rows[i] + "\n";
    const auto error = text_at(*line.task, "last_error");
    if (error.empty() || text_at(*line.task, "status") == "completed") continue;
    const auto code = text_at(*line.task, "error_code");
    text += line.below + painted(printable((code.empty() ? "" : code + ": ") + error), Tone::bad, paper) + "\n";
  }
  return text;
}

}  // namespace mayfly::cli
