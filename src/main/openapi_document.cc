#include "main/openapi_document.h"

// The build makes the file; the assembler takes it in as it is.
asm(R"(
  .section .rodata
  .global mayfly_openapi_document
mayfly_openapi_document:
  .incbin ")" MAYFLY_OPENAPI_JSON R"("
  .byte 0
  .previous
)");

extern "C" const char mayfly_openapi_document[];

namespace mayfly {

const char* const openapi_document = mayfly_openapi_document;

}  // namespace mayfly
