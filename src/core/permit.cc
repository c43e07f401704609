#include "core/permit.h"

#include "base/result.h"

namespace mayfly {

DeletePermit::DeletePermit(LayerRef layer, int generation, ResourceId archive, EventId waiver)
    : layer_(std::move(layer)), generation_(generation), archive_(std::move(archive)), waiver_(std::move(waiver)) {}

DeletePermit DeletePermit::from_verified_archive(LayerRef layer, int generation, ResourceId archive) {
  CHECK(archive);
  return {std::move(layer), generation, std::move(archive), {}};
}

DeletePermit DeletePermit::from_waiver(LayerRef layer, int generation, EventId event) {
  CHECK(event);
  return {std::move(layer), generation, {}, std::move(event)};
}

bool DeletePermit::covers(const LayerRef& layer, int generation) const {
  return layer_ == layer && generation_ == generation;
}

}  // namespace mayfly
