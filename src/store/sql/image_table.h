#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

class SqlImageTable : public ImageTable {
 public:
  explicit SqlImageTable(Database& database) : database_(database) {}

  Result<std::optional<ImageRecord>> find(const std::string& name_or_digest) override;
  Status put(const ImageRecord& image) override;
  Status remove(const std::string& name) override;
  Result<std::vector<ImageRecord>> list() override;

  Result<ImageContent> content(const ResourceId& id) override;
  Result<std::optional<ImageContent>> find_content(const std::string& digest) override;
  Status insert(const ImageContent& content) override;
  Status update(const ImageContent& content) override;
  Result<std::vector<ImageContent>> contents() override;
  Result<std::vector<ImageUse>> uses() override;
  Result<std::vector<ResourceId>> users(const std::string& digest, std::size_t limit) override;
  Result<ImageBuild> build(const ResourceId& id) override;
  Status insert(const ImageBuild& build) override;
  Status update(const ImageBuild& build) override;
  Result<std::vector<ImageBuild>> unfinished_builds() override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
