/* Integer kernels of recurrent networks: the HMD_LSTM op and the small ops around it. */
#ifndef HMD_NN_H_
#define HMD_NN_H_

#include "hmd_builtin.h"
#include "hmd_lstm.h"
#include "hmd_status.h"

#endif
