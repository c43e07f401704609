#pragma once

namespace mayfly {

/// docs/openapi.yaml as JSON, made by the build.
extern const char* const openapi_document;

}  // namespace mayfly
