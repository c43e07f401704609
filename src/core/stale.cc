#include "core/stale.h"

#include <algorithm>

namespace mayfly {

namespace {

bool carries(const Labels& labels, const Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

}  // namespace

StaleVerdict judge(const Sandbox& sandbox, const StaleRule& rule, Time now) {
  StaleVerdict verdict;
  verdict.inactive = now - sandbox.lifetime.active_at;
  verdict.eligible_at = sandbox.lifetime.active_at + rule.inactive;
  const auto state = sandbox.resource.state;
  const auto not_taken = [&](std::string reason) {
    verdict.reason = std::move(reason);
    return verdict;
  };
  if (state == State::deleting || state == State::gone) return not_taken("state_" + std::string(name(state)));
  if (!rule.states.empty() && std::find(rule.states.begin(), rule.states.end(), state) == rule.states.end())
    return not_taken("state_differs");
  if (!carries(sandbox.resource.labels, rule.labels)) return not_taken("labels_differ");
  if (!rule.image.empty() && rule.image != sandbox.spec.image && rule.image != sandbox.spec.image_digest)
    return not_taken("image_differs");
  if (now < verdict.eligible_at) return not_taken("not_stale");
  verdict.stale = true;
  verdict.reason = "inactive";
  return verdict;
}

}  // namespace mayfly
