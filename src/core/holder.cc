#include "core/holder.h"

namespace mayfly {

Holder holder_of(const Sandbox& sandbox) {
  return {sandbox.resource, sandbox.layer, sandbox.started_at.has_value(), sandbox.spec, sandbox.cleanup_task};
}

Holder holder_of(const Volume& volume) {
  Holder holder{volume.resource, volume.layer, true, {}, volume.cleanup_task};
  holder.spec.resources = {.cpus = 0, .memory_mb = 0, .pids = 0, .disk_mb = volume.size_mb};
  return holder;
}

}  // namespace mayfly
