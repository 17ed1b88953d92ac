// Preloaded into the npm servers: they listen on every interface and offer no option for it,
// and a test must not open a port to the network.
const net = require('node:net');

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (first !== null && typeof first === 'object') {
    return listen.call(this, 'port' in first ? { ...first, host: '127.0.0.1' } : first, ...rest);
  }
  // listen(port[, host][, backlog][, callback]): the callback is all that is kept.
  const callback = rest.find((argument) => typeof argument === 'function');
  return listen.call(this, { port: Number(first), host: '127.0.0.1' }, callback);
};
