#include "app/connection_counts.h"

namespace mayfly {

namespace {

template <class Id>
void one_less(std::map<Id, int>& counts, const Id& id) {
  const auto found = counts.find(id);
  if (--found->second == 0) counts.erase(found);
}

}  // namespace

Result<std::shared_ptr<void>> ConnectionCounts::take(const ResourceId& sandbox, const KeyId& key) {
  const std::lock_guard lock(counts_->mutex);
  const auto of_sandbox = counts_->sandboxes.find(sandbox);
  if (of_sandbox != counts_->sandboxes.end() && of_sandbox->second >= sandbox_limit)
    return fail(Code::exhausted,
                "sandbox " + sandbox.text + " has " + std::to_string(sandbox_limit) +
                    " connections to its ports already: close some first",
                "too_many_connections");
  const auto of_key = counts_->keys.find(key);
  if (of_key != counts_->keys.end() && of_key->second >= key_limit)
    return fail(Code::exhausted,
                "this key has " + std::to_string(key_limit) + " connections to ports already: close some first",
                "too_many_connections");
  ++counts_->sandboxes[sandbox];
  ++counts_->keys[key];
  return std::shared_ptr<void>(counts_.get(), [counts = counts_, sandbox, key](void*) {
    const std::lock_guard lock(counts->mutex);
    one_less(counts->sandboxes, sandbox);
    one_less(counts->keys, key);
  });
}

}  // namespace mayfly
