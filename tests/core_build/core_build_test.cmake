# Configures and builds the core by itself (MONGE_CORE) in a scratch folder, shows that it needs no library but LibTorch,
# and times two iterations with it.
#   cmake -DSOURCE=... -DSCRATCH=... -DLIBTORCH_ROOT=... -DCOMPILER=... -P core_build_test.cmake
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE errors)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGV}\n${output}${errors}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# A find_package of one of these would stop the configuration.
set(others CLI11 nlohmann_json PNG JPEG Freetype LibArchive CURL OpenSSL HDF5 PkgConfig GTest)
list(TRANSFORM others PREPEND "-DCMAKE_DISABLE_FIND_PACKAGE_" OUTPUT_VARIABLE disabled)
list(TRANSFORM disabled APPEND "=ON")
# -O0 and large batches: the code is compiled to show that it can be.
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${SCRATCH} -G Ninja -DMONGE_CORE=ON -DMONGE_BATCH=16 -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0
  -DCMAKE_CXX_COMPILER=${COMPILER} -DLIBTORCH_ROOT=${LIBTORCH_ROOT} ${disabled})
run(${CMAKE_COMMAND} --build ${SCRATCH} -j 2)

# Headers of the others lie where the compiler looks by itself, so their absence has to be seen in what it read.
run(ninja -C ${SCRATCH} -t deps)
string(REGEX MATCHALL "/(nlohmann|toml\\+\\+|CLI|webp|freetype2|curl|openssl|lemon|gtest|gmock)/[^\n]*|/usr/include/(png|jpeglib|archive|zlib)\\.h" foreign "${output}")
if(foreign)
  list(REMOVE_DUPLICATES foreign)
  message(FATAL_ERROR "the core includes: ${foreign}")
endif()
if(NOT output MATCHES "monge/solve/solver")
  message(FATAL_ERROR "ninja -t deps told nothing")
endif()
foreach(program bench_step gpu_check)
  run(readelf -d ${SCRATCH}/bench/${program})
  string(REGEX MATCHALL "NEEDED[^\n]*\\[[^]]*\\]" needed "${output}")
  foreach(entry IN LISTS needed)
    if(NOT entry MATCHES "\\[(libtorch[a-z_]*|libc10[a-z_]*|libgomp[-a-z0-9]*|libstdc\\+\\+|libgcc_s|libm|libc|libasan|libubsan|ld-linux[-a-z0-9_]*)\\.so[.0-9]*\\]")
      message(FATAL_ERROR "${program} needs ${entry}")
    endif()
  endforeach()
endforeach()

run(${SCRATCH}/bench/bench_step --device cpu --threads 2 --shape 2 --warm 1 --iterations 2 train.batch=64 train.k_t=2)
foreach(key ms_per_outer images_per_second flops flops_per_second ceiling_flops_per_second share_of_ceiling bytes peak_bytes data_wait
    kernel_launches device dtype threads loss_map loss_potential)
  string(JSON value ERROR_VARIABLE missing GET "${output}" ${key})
  if(missing)
    message(FATAL_ERROR "bench_step prints no ${key}: ${output}")
  endif()
endforeach()
string(JSON flops GET "${output}" flops)
string(JSON bytes GET "${output}" bytes)
if(NOT flops GREATER 0 OR NOT bytes GREATER 0)
  message(FATAL_ERROR "nothing was counted: ${output}")
endif()
