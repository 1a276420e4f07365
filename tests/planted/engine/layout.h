/* The bugs of layout: right numbers in the wrong place. */
#pragma once

#include "network.h"

void lay_out_layer(const network* net, layer* l);
/* `own`: the file has an output matrix. */
void lay_out_head(network* net, int own);
/* Measures that are guessed rather than read; the weights stay as they are. */
void guess_measures(network* net);
