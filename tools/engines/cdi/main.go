// cdi is the Containerized Data Importer without its operator and its images: its controllers and its
// admission in one process that runs beside the API server, and the objects that its operator would install.
//
// CDI's own programs listen on fixed ports and read fixed paths of an image, so two clusters on one machine
// would meet. What they do is all CDI's; only where they find things is decided here. Uploads and clones by
// copying need CDI's own servers in pods and are left out.
//
// Usage: cdi objects | cdi run --kubeconfig F --apiserver-kubeconfig F --port N --tls-cert-file F --tls-key-file F
package main

import (
	"flag"
	"fmt"
	"os"

	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	"kubevirt.io/containerized-data-importer/pkg/common"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager/signals"
)

// What CDI assumes outside of pods.
const namespace = "cdi"

func main() {
	if len(os.Args) > 1 && os.Args[1] == "objects" {
		objects()
		return
	}
	if len(os.Args) < 2 || os.Args[1] != "run" {
		fail(fmt.Errorf("usage: %s objects | run", os.Args[0]))
	}
	flags := flag.NewFlagSet("run", flag.ExitOnError)
	controllers := flags.String("kubeconfig", "", "the controllers' way to the API server")
	admission := flags.String("apiserver-kubeconfig", "", "the admission's way to the API server")
	port := flags.Uint("port", 0, "where the admission listens on 127.0.0.1")
	certificate := flags.String("tls-cert-file", "", "the admission's certificate")
	key := flags.String("tls-key-file", "", "its key")
	image := flags.String("importer-image", common.CDILabelValue+"-importer", "the image that importer pods name")
	check(flags.Parse(os.Args[2:]))

	logf.SetLogger(zap.New(zap.Level(zapcore.InfoLevel)))
	defer klog.Flush()
	ctx := signals.SetupSignalHandler()
	ended := make(chan error, 2)
	signing := signingKey(*admission)
	go func() { ended <- serve(ctx, *admission, *port, *certificate, *key) }()
	go func() { ended <- control(ctx, *controllers, *image, signing) }()
	check(<-ended)
}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
