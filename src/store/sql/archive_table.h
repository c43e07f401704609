#pragma once

#include "store/sql/lifetime_table.h"

namespace mayfly::sql {

class SqlArchiveTable : public ArchiveTable {
 public:
  explicit SqlArchiveTable(Database& database) : database_(database), lifetimes_(database) {}

  Result<Archive> get(const ResourceId& id) override;
  Status insert(const Archive& archive) override;
  Status update(const Archive& archive) override;
  Result<std::vector<Archive>> list(const ArchiveFilter& filter, const Page& page) override;
  Result<std::vector<Archive>> scan(const std::string& after, std::size_t limit) override;
  Result<bool> needs_image(const std::string& digest) override;

  Status put_permit(const DeletePermit& permit) override;
  Result<std::optional<DeletePermit>> find_permit(const LayerRef& layer) override;
  Status drop_permit(const LayerRef& layer) override;

 private:
  Database& database_;
  SqlLifetimeTable lifetimes_;
};

}  // namespace mayfly::sql
