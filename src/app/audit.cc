#include "app/audit.h"

#include "app/ids.h"
#include "core/host_words.h"

namespace mayfly {

Result<EventId> audit(Transaction& t, Random& random, const Caller& caller, std::string type, const Resource& subject,
                      std::map<std::string, std::string> data, const EventId& parent) {
  Event event;
  event.id = {new_id("evt_", t, random)};
  event.type = std::move(type);
  event.subject = subject.id;
  event.workspace = subject.workspace;
  event.actor = caller.actor;
  event.request_id = caller.request_id;
  event.data = std::move(data);
  for (auto& [key, value] : event.data) value = without_host_words(value);
  event.at = t.now();
  event.parent = parent;
  event.user = caller.user;
  TRY(t.events().insert(event));
  return event.id;
}

}  // namespace mayfly
