#pragma once
// The right to destroy a workspace's bytes. It cannot be made up: it comes from an archive that was read back and
// verified, or from a waiver that an event records, and it fits one layer at one generation only.

#include <optional>
#include <string>

#include "base/id.h"

namespace mayfly {

class DeletePermit {
 public:
  /// An archive of this layer, taken while nothing ran, read back and found equal.
  static DeletePermit from_verified_archive(LayerRef layer, int generation, ResourceId archive);
  /// Somebody with the right to say so said: let these bytes go unarchived. `event` is where that is written.
  static DeletePermit from_waiver(LayerRef layer, int generation, EventId event);

  bool covers(const LayerRef& layer, int generation) const;
  const LayerRef& layer() const { return layer_; }
  int generation() const { return generation_; }
  const ResourceId& archive() const { return archive_; }  // empty for a waiver
  const EventId& waiver() const { return waiver_; }       // empty for an archive

 private:
  DeletePermit(LayerRef layer, int generation, ResourceId archive, EventId waiver);

  LayerRef layer_;
  int generation_;
  ResourceId archive_;
  EventId waiver_;
};

}  // namespace mayfly
