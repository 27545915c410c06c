# Writes the header OUT with what a build is made from, and leaves it alone where it says so already.
execute_process(COMMAND git -C ${SOURCE} rev-parse HEAD
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
set(dirty false)
if(failed)
  set(commit "unknown")
else()
  execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no
    OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    set(dirty true)
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT [[
#pragma once

#define CHAINLINE_VERSION "@VERSION@"
#define CHAINLINE_COMPILER "@COMPILER@"
#define CHAINLINE_COMPILE_FLAGS "@FLAGS@"
#define CHAINLINE_BUILD_TYPE "@BUILD_TYPE@"
#define CHAINLINE_GIT_COMMIT "@commit@"
#define CHAINLINE_GIT_DIRTY @dirty@
]])
