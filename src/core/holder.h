#pragma once
// What holds bytes of a workspace on the host, whatever its kind: all that archives, permits and the steps of a delete
// need to know of it. A kind whose descriptor says `has_bytes` has a holder_of here.

#include "core/sandbox.h"
#include "core/volume.h"

namespace mayfly {

struct Holder {
  Resource resource;            // generation: of the last container that wrote to the layer; 0: none ever
  int layer = 1;
  bool has_files = false;       // the layer must be there
  SandboxSpec spec;             // for the archive; of a volume only its size
  std::string cleanup_task;
};

Holder holder_of(const Sandbox& sandbox);
Holder holder_of(const Volume& volume);

}  // namespace mayfly
