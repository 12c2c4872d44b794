# The binding: one MODULE library, loaded by node-gyp-build as nearvote.node.
execute_process(COMMAND node -p "require('node-addon-api').include_dir" WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
                OUTPUT_VARIABLE NODE_ADDON_API_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

file(GLOB NEARVOTE_NODE CONFIGURE_DEPENDS native/node/*.cpp)
add_library(nearvote_node MODULE ${NEARVOTE_NODE} ${CMAKE_JS_SRC})
set_target_properties(nearvote_node PROPERTIES OUTPUT_NAME nearvote PREFIX "" SUFFIX ".node")
target_include_directories(nearvote_node SYSTEM PRIVATE ${CMAKE_JS_INC} ${NODE_ADDON_API_DIR})
target_link_libraries(nearvote_node PRIVATE nearvote_core ${CMAKE_JS_LIB} ${CMAKE_DL_LIBS})
target_compile_options(nearvote_node PRIVATE -Wall -Wextra)
target_compile_definitions(nearvote_node PRIVATE NAPI_VERSION=9 NODE_ADDON_API_CPP_EXCEPTIONS
  NODE_ADDON_API_CPP_EXCEPTIONS_ALL NODE_ADDON_API_DISABLE_DEPRECATED NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS
  NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED)
if(UNIX AND NOT APPLE)
  # nodelete: the compute thread outlives the worker that loaded the addon; unmapping its code would crash it.
  target_link_options(nearvote_node PRIVATE -Wl,-z,nodelete -Wl,--exclude-libs,ALL)
endif()

option(NEARVOTE_BUNDLE_OPENMP "Copy the OpenMP runtime beside the addon and find it there" OFF)
if(NEARVOTE_BUNDLE_OPENMP AND OpenMP_CXX_FOUND AND UNIX AND NOT APPLE)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libgomp.so.1 OUTPUT_VARIABLE GOMP
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  file(REAL_PATH ${GOMP} GOMP)
  add_custom_command(TARGET nearvote_node POST_BUILD COMMAND ${CMAKE_COMMAND} -E copy ${GOMP}
                     $<TARGET_FILE_DIR:nearvote_node>/libgomp.so.1)
  set_target_properties(nearvote_node PROPERTIES BUILD_RPATH "$ORIGIN")
  # The user's C++ runtime may be older than the compiler's.
  target_link_options(nearvote_node PRIVATE -static-libstdc++ -static-libgcc)
endif()
