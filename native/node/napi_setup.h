// The only include of the binding header. Its switches (N-API version, exceptions) are set in addon.cmake.
#pragma once

#include <napi.h>
