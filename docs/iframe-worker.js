// Search in pages that were opened as files, where browsers refuse workers: the worker's script runs in a hidden frame instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.frame = frame.contentWindow;
      this.frame.postMessage = (data) => this.told(this, data);
      const script = this.frame.document.createElement("script");
      this.ready = new Promise((loaded, failed) => Object.assign(script, { src: address, onload: loaded, onerror: failed }));
      this.frame.document.body.append(script);
    }
    async postMessage(data) {
      await this.ready;
      this.told(this.frame, data);
    }
    told(target, data) {
      const event = new MessageEvent("message", { data });
      target.dispatchEvent(event);
      if (target.onmessage) target.onmessage(event);
    }
    terminate() {
      this.frame.frameElement.remove();
    }
  };
}
