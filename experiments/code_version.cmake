# Writes the header OUT with the hashes of the sources that results follow from, and beside it the
# lists of those files, and leaves each alone where it says so already.
#
# A result is stored under a key that holds such a hash (experiments/plan/plan.h), so what is listed
# here as deciding nothing can change without a run being repeated. All else counts: a new folder
# costs runs until it is named here, and no result is ever taken for one of other code.

# What shows, starts or waits for results.
set(decides_nothing
  "^cuda/emulator/"  # a GPU's bits, or a bug
  "^experiments/[^/]+$"
  "^experiments/(analysis|bench|claims|pages|plan|program|report)/"
  "^experiments/training/(interrupt|manifest|progress|terminal)\\."
  "^experiments/study/(reproduce\\.|study_plan\\.|study\\.cpp$)")  # every number is in the configs
# What looks at trained weights, besides: a change there repeats measurements, but no training.
set(decides_no_weights
  "^experiments/(gradients|measures|memorization|probing|projection|statistics|trace)/"
  "^experiments/study/(gradient|reading|run|twin)_job\\.")

# A change that was shown to leave all stored results as they are counts as what it changed: FILE with
# the hash NOW is listed with the hash BEFORE. That holds for this one content of the file, and the
# commit that adds a line says which jobs were done again and came out the same.
set(counts_as
  # Fewer pictures than a fine-tuning asks for are gone over again; the built-in ones are enough.
  "experiments/study/world.cpp a7109b92b4cab7c15d261c66ac817df81cd80becf6e3433a4d0bcb914fcf5833 0c77d69ea300f19df8524378b3cc9efbe3c74e5b9281dfc810842044870423c0")

function(write_where_it_differs path text)
  file(CONFIGURE OUTPUT ${path} @ONLY CONTENT "${text}")
endfunction()

set(patterns)
foreach(layer IN ITEMS tensor autograd nn cuda experiments)
  foreach(kind IN ITEMS h cpp cu cuh)
    list(APPEND patterns ${SOURCE}/${layer}/*.${kind})
  endforeach()
endforeach()
file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE ${SOURCE} ${patterns})
list(SORT files)
foreach(pattern IN LISTS decides_nothing)
  list(FILTER files EXCLUDE REGEX ${pattern})
endforeach()

set(list "")
set(training_list "")
foreach(file IN LISTS files)
  file(SHA256 ${SOURCE}/${file} hash)
  foreach(same IN LISTS counts_as)
    if(same MATCHES "^${file} ${hash} (.*)$")
      set(hash ${CMAKE_MATCH_1})
    endif()
  endforeach()
  string(APPEND list "${hash}  ${file}\n")
  set(trains true)
  foreach(pattern IN LISTS decides_no_weights)
    if(file MATCHES "${pattern}")
      set(trains false)
    endif()
  endforeach()
  if(trains)
    string(APPEND training_list "${hash}  ${file}\n")
  endif()
endforeach()
string(SHA256 version "${list}")
string(SHA256 training_version "${training_list}")

cmake_path(REMOVE_EXTENSION OUT OUTPUT_VARIABLE stem)
write_where_it_differs(${stem}.txt "${list}")
write_where_it_differs(${stem}_training.txt "${training_list}")
write_where_it_differs(${OUT} "#pragma once

#define CHAINLINE_CODE_VERSION \"${version}\"
#define CHAINLINE_TRAINING_CODE_VERSION \"${training_version}\"
")
